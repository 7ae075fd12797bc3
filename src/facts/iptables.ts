import { good, known, linesOf, type Sections } from './fact.js';
import type { Fact, IptablesFacts } from './types.js';

export const iptablesScript = `
see_iptables() {
  if ! command -v iptables-save >/dev/null 2>&1; then
    if command -v iptables >/dev/null 2>&1; then say iptables no-iptables-save; else say iptables absent; fi
    return
  fi
  run iptables iptables-save
}
`;

const tables = new Set(['filter', 'raw', 'mangle', 'nat']);

export function parseIptables(sections: Sections): Fact<IptablesFacts> {
  if (sections.get('iptables')?.status === 'absent') return known({ installed: false, policies: {}, rules: [] });
  const section = good(sections, 'iptables', "iptables' rules");
  if (!section.known) return section;
  const policies: Record<string, string> = {};
  const rules: string[] = [];
  let table = '';
  for (const line of linesOf(section.value.content)) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    else if (!tables.has(table)) continue;
    else if (line.startsWith(':')) {
      const [chain = '', policy = ''] = line.slice(1).split(' ');
      policies[`${table}/${chain}`] = policy;
    } else if (line.startsWith('-')) rules.push(`${table} ${line}`);
  }
  return known({ installed: true, policies, rules });
}
