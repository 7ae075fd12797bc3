import type { Lab } from '../../src/lab/index.js';
import { quote, quoteAll } from '../../src/quote.js';
import { shell } from '../e2e/hosts.js';

/** An Ethernet type that nobody uses (IEEE 802.1, local experiments), by which a forged frame is known inside a tunnel. */
export const forgedType = 0x88b5;

/**
 * A Perl program that sends a GRE packet with a broadcast frame inside, as an endpoint of a tunnel would: raw sockets are
 * all that it needs. Arguments: destination, and the source address to pretend, or nothing for the true one.
 */
const forge = `
use Socket;
my ($to, $from) = @ARGV;
my $frame = pack("H*", "ffffffffffff020000000001" . "88b5") . "mesh" x 16;
my $packet = pack("nn", 0, 0x6558) . $frame;
socket(my $socket, PF_INET, SOCK_RAW, defined $from ? 255 : 47) or die "socket: $!";
if (defined $from) {
  setsockopt($socket, 0, 3, pack("i", 1)) or die "IP_HDRINCL: $!";
  $packet = pack("CCnnnCCna4a4", 0x45, 0, 20 + length $packet, 1, 0, 64, 47, 0, inet_aton($from), inet_aton($to)) . $packet;
}
for (1 .. 3) { send($socket, $packet, 0, pack_sockaddr_in(0, inet_aton($to))) or die "send: $!"; }
`;

/** Sends three forged GRE packets from inside a container of a host. */
export async function forgeFrom(lab: Lab, host: string, container: string, to: string, from?: string): Promise<void> {
  const argv = ['/usr/bin/perl', '-e', forge, to, ...(from === undefined ? [] : [from])];
  await shell(lab, host, `docker exec ${quote(container)} ${quoteAll(argv)}`);
}

/** How many forged frames came to a host's Docker bridge while `work` ran. */
export async function forgedOn(lab: Lab, host: string, work: () => Promise<void>): Promise<number> {
  const file = '/run/forged';
  await shell(
    lab,
    host,
    `rm -f ${file}
tcpdump -i docker0 -n -l -U --immediate-mode ether proto ${forgedType} >${file} 2>${file}.log </dev/null &
echo $! >${file}.pid
until grep -q 'listening on' ${file}.log; do sleep 0.2; done`,
  );
  await work();
  const seen = await shell(
    lab,
    host,
    `sleep 2; kill $(cat ${file}.pid); while kill -0 $(cat ${file}.pid) 2>/dev/null; do sleep 0.2; done
grep -c . ${file} || :`,
  );
  return Number(seen.trim());
}
