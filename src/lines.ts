/** Cuts bytes into lines of text, keeping an unfinished last line for the next piece. Invalid UTF-8 becomes U+FFFD. */
export function createLineReader(onLine: (line: string) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10)) {
      onLine(rest.toString('utf8', 0, newline).replace(/\r$/, ''));
      rest = rest.subarray(newline + 1);
    }
  };
}
