import { quoteAll } from '../quote.js';
import { good, known, linesOf, type Sections, unknown } from './fact.js';
import type { Fact, Interests, PackageFact } from './types.js';

/** Names that only Debian and its kin have. Foreseeing asks for them everywhere; elsewhere no repository offers them. */
const DEBIAN_ONLY = ['openvswitch-switch', 'docker.io'];

/** One query for all; what the repositories offer is asked (slowly) only for what is not installed. */
export function packagesScript(interests: Interests): string {
  if (interests.packages.length === 0) return '\nsee_packages() { :; }\n';
  return `
see_packages() {
  set -- ${quoteAll(interests.packages)}
  begin packages
  case $format in
    deb) out=$(dpkg-query -W -f='\${Package} \${Status} \${Version}\\n' -- "$@" 2>&1) ;;
    rpm) out=$($limit rpm -q --qf '%{NAME} install ok installed %{VERSION}-%{RELEASE}\\n' -- "$@" 2>&1) ;;
    *) false ;;
  esac
  rc=$?
  printf '%s\\n' "$out"
  end packages "$rc" ''
  here=' '
  while read -r name _ _ state _; do
    if [ "$state" = installed ]; then here="$here$name "; fi
  done <<EOF
$out
EOF
  count=$#
  for name do
    case $format,$name,$here in
      ${DEBIAN_ONLY.map((name) => `rpm,${name},*`).join(' | ')}) ;;
      *,*" $name "*) ;;
      *) set -- "$@" "$name" ;;
    esac
  done
  shift "$count"
  if [ $# -eq 0 ]; then
    say candidates 0
  elif [ "$format" = deb ]; then
    run candidates $patience apt-cache policy -- "$@"
  else
    if command -v dnf >/dev/null 2>&1; then
      run candidates $patience dnf -q -C list --available -- "$@"
    else
      run candidates $patience yum -q -C list available -- "$@"
    fi
  fi
}
`;
}

export function parsePackages(sections: Sections, interests: Interests): Record<string, Fact<PackageFact>> {
  const format = /^format (.*)$/m.exec(sections.get('system')?.content.toString('utf8') ?? '')?.[1];
  const read = readInstalled(sections, format);
  const offered = readOffers(sections, format);
  const one = (name: string): Fact<PackageFact> => {
    if (!read.known) return read;
    const installed = read.value.get(name) ?? null;
    if (installed !== null) return known({ installed, candidate: null });
    return offered.known ? known({ installed, candidate: offered.value.get(name) ?? null }) : offered;
  };
  return Object.fromEntries(interests.packages.map((name) => [name, one(name)]));
}

/** dpkg-query ends with 1 when some are not installed, rpm with how many are not. */
function readInstalled(sections: Sections, format: string | undefined): Fact<ReadonlyMap<string, string>> {
  if (sections.has('packages') && format !== 'deb' && format !== 'rpm') {
    return unknown('this host has neither dpkg nor rpm');
  }
  const fine = format === 'rpm' ? Array.from({ length: 100 }, (_, code) => code) : [0, 1];
  const section = good(sections, 'packages', 'the installed packages', fine);
  if (!section.known) return section;
  const text = section.value.content.toString('utf8');
  if (/^(error:|dpkg-query: error:)/m.test(text)) {
    return unknown(`the installed packages could not be read: ${text.trim().split('\n').at(-1)?.slice(0, 300)}`);
  }
  const found = linesOf(section.value.content).map((line) => /^(\S+) \S+ \S+ installed (\S+)$/.exec(line));
  return known(new Map(found.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : []))));
}

/** dnf and yum end with 1 where nothing of the kind is on offer. */
function readOffers(sections: Sections, format: string | undefined): Fact<ReadonlyMap<string, string>> {
  const section = good(sections, 'candidates', 'what the repositories offer', format === 'rpm' ? [0, 1] : [0]);
  if (!section.known) return section;
  const offers = new Map<string, string>();
  let name = '';
  for (const line of linesOf(section.value.content)) {
    if (format === 'deb') {
      const head = /^(\S+):$/.exec(line);
      const candidate = /^ {2}Candidate: (\S+)$/.exec(line)?.[1];
      if (head) name = head[1] ?? '';
      else if (candidate && candidate !== '(none)') offers.set(name, candidate);
    } else {
      const match = /^(\S+)\.[a-z0-9_]+\s+(\S+)\s+\S+$/.exec(line);
      if (match) offers.set(match[1] ?? '', match[2] ?? '');
    }
  }
  return known(offers);
}
