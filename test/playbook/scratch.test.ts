import { readFileSync } from 'node:fs';
import { it } from 'vitest';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { evaluate, evaluateCondition } from '../../src/playbook/template.js';
import { scopeFor } from '../../src/playbook/scope.js';
const types = 'package service docker_daemon ovs_bridge ovs_tunnels ovs_flows iptables_rules file sysctl link routes bridge_member systemd_unit mesh_record command'.split(' ');
it('x', () => {
  for (const f of ['deploy', 'teardown']) try { console.log(parsePlaybook(readFileSync(`playbooks/${f}.yml`, 'utf8'), f, types).plays.length); } catch (e) { console.log(String(e)); }
  try { parsePlaybook(`- hosts: mesh
  pre_tasks: []
  serial: 0
  vars: { mesh: 1, a-b: 2 }
  gather_factz: no
  tasks:
    - apt: name=x
      register: y
    - file: { path: "{{ a b }}", content: !vault abc }
      when: "{{ x }}"
      loop: 3
      notify: [restrt, gone]
      loop_control: { label: x }
    - copy: {}
    - fil: {}
    - name: nothing
    - file: {}
      package: {}
      when: [ "a =", 3, "x | regex_search('a')" ]
  handlers:
    - name: restart
      service: {}
      notify: a
`, 'play.yml', types); } catch (e) { console.log(String(e)); }
  const scope = scopeFor({ play: { a: '{{ b }}', b: '{{ c.x }}', c: { x: '{{ a }}' }, n: [1, 2], m: { k: 'v' } }, given: { inventory_hostname: 'h1' } });
  for (const t of ['{{ a }}', '{{ inventory_hostnam }}', 'x {{ n }}', '{{ n | join("-") }}', '{{ [].map }}', "{{ ''.constructor }}", '{{ m.__proto__ }}', '{{ m.constructor | default("no") }}', '{{ m.kk }}', '{{ n[5] }}', '{{ 1 + "a" }}', '{{ foo() }}', "{{ lookup('env','X') }}", '{{ .Name }}', '{% if x %}', '{{ n', '{{ m.k | uper }}', '{{ n | map("string") | list }}', '{{ -1 | abs }}', '{{ 7 // 2 ~ "x" }}', '{{ {"a": {"b": 1}}.a.b }}', '{{ n[0:1] }}', "{{ 'a' in m }} {{ 1 if n[0] == 1 else 2 }}"])
    try { console.log(t, '=>', JSON.stringify(evaluate(t, scope))); } catch (e) { console.log(t, '=>', String(e)); }
  for (const t of ["'yes'", 'm.k', 'n', 'm.k == "v" and not (n is undefined)', 'zz is defined', 'not zz is defined', 'facts.x']) try { console.log(t, '=>', evaluateCondition(t, scope)); } catch (e) { console.log(t, '=>', String(e)); }
});
