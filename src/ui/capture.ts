const SHOW_CURSOR = '\u001b[?25h';
const HIDE_CURSOR = '\u001b[?25l';

export interface Captured {
  readonly take: () => void;
  readonly release: () => void;
}

/**
 * While taken, whole lines that anybody writes to the streams (a library's warning, say) go to `keep` and not into the
 * middle of what is drawn. Asking for a visible cursor still works: it is what is done when the process is about to end.
 */
export function captureWrites(streams: readonly NodeJS.WriteStream[], keep: (lines: string) => void): Captured {
  let taken: { readonly stream: NodeJS.WriteStream; readonly write: NodeJS.WriteStream['write'] }[] = [];
  let rest = '';

  const hear = (text: string): void => {
    rest += text.replaceAll(HIDE_CURSOR, '').replaceAll(SHOW_CURSOR, '');
    const end = rest.lastIndexOf('\n') + 1;
    if (end > 0) keep(rest.slice(0, end));
    rest = rest.slice(end);
  };

  return {
    take() {
      if (taken.length > 0) return;
      taken = streams.map((stream) => ({ stream, write: stream.write }));
      for (const { stream, write } of taken) {
        stream.write = (
          chunk: string | Uint8Array,
          encoding?: BufferEncoding | ((error?: Error | null) => void),
          done?: (error?: Error | null) => void,
        ): boolean => {
          const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
          if (text === SHOW_CURSOR) return write.call(stream, text);
          hear(text);
          const callback = typeof encoding === 'function' ? encoding : done;
          if (callback) process.nextTick(callback);
          return true;
        };
      }
    },
    release() {
      for (const { stream, write } of taken) stream.write = write;
      taken = [];
      if (rest !== '') keep(rest);
      rest = '';
    },
  };
}
