import { quoteAll } from '../quote.js';
import { dockerScript } from './docker-script.js';
import { filesScript } from './files.js';
import { frameFunctions } from './frames.js';
import { iptablesScript } from './iptables.js';
import { linksScript } from './links.js';
import { meshScript } from './mesh.js';
import { openvswitchScript } from './openvswitch.js';
import { packagesScript } from './packages.js';
import { packagingScript } from './packaging.js';
import { settingsScript } from './settings.js';
import { servicesScript, systemScript } from './system.js';
import type { Interests } from './types.js';

/**
 * The read-only POSIX-sh program that looks at a host, for `sh -s`. It starts as few processes as it can, gives every
 * command that may hang a limit, and prints framed sections (frames.ts) that `parseFacts` reads with the same nonce
 * (8 to 64 letters and digits, random for every observation). All of it is read by the shell before any of it runs: a
 * program that was cut on its way does nothing. dockerd answers while the other sections are read.
 */
export function observeScript(interests: Interests, nonce: string): string {
  return `# shellcheck shell=sh disable=SC2016,SC2086,SC3013
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SYSTEMD_BUS_TIMEOUT=6
export LC_ALL PATH SYSTEMD_BUS_TIMEOUT
unset DOCKER_HOST DOCKER_CONTEXT OVS_RUNDIR GREP_OPTIONS POSIXLY_CORRECT
${frameFunctions(nonce)}${systemScript}${servicesScript(interests, quoteAll)}${linksScript}${openvswitchScript(interests)}${dockerScript}${iptablesScript}${packagesScript(interests)}${packagingScript}${filesScript(interests)}${settingsScript(interests)}${meshScript}
observe() {
  { exec 3>&1; see_docker; } | {
    exec 3>&1
    see_system
    see_mesh
    see_links
    see_openvswitch
    see_services
    see_iptables
    see_packages
    see_packaging
    see_files
    see_settings
    cat
  }
}
observe 2>/dev/null </dev/null
`;
}
