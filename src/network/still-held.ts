import { containsCidr, parseCidr } from './address.js';
import type { Member } from './desired.js';
import { type HostFinding, refuse } from './finding.js';

function overlap(one: string, other: string): boolean {
  const [a, b] = [parseCidr(one), parseCidr(other)];
  return a !== undefined && b !== undefined && (containsCidr(a, b) || containsCidr(b, a));
}

/** What a host hands out at present: by what was noted of it, and by its bridge where that could be looked at. */
function present({ facts, host }: Member, noted: string | undefined): readonly string[] {
  const addresses = facts?.addresses.known ? facts.addresses.value : [];
  const own = addresses.filter(({ link, family }) => link === host.mesh.dockerBridge && family === 4);
  return [...(noted === undefined ? [] : [noted]), ...own.map(({ address }) => `${address}/32`)];
}

/**
 * Stands against every host that is to have addresses which another one still hands out, and cannot give up now because
 * nobody changes it in this run. `held` says which slice was noted of a host, before this run.
 */
export function stillHeld(
  members: readonly Member[],
  held: (name: string) => string | undefined,
): readonly HostFinding[] {
  const fixed = members.filter(({ absent, facts }) => absent || facts === undefined);
  return members
    .filter((member) => !fixed.includes(member))
    .flatMap((member) => {
      const holder = fixed.find((one) => present(one, held(one.host.name)).some((cidr) => overlap(member.slice, cidr)));
      if (!holder) return [];
      const other = holder.host.name;
      return [
        refuse(
          member,
          'slice-still-held',
          `${member.slice} is to be its slice, and ${other} still has it and is not changed in this run: both would answer for the same addresses`,
          `deploy both in one run, once ${other} can be worked on; or take ${other} out of the inventory if it is gone for good`,
        ),
      ];
    });
}
