/** What is asked of one container where curl is missing: named fields only, never its environment. */
const containerFormat = [
  ['Id', '.Id'],
  ['Names', '.Name'],
  ['Image', '.Config.Image'],
  ['State', '.State.Status'],
  ['NetworkMode', '.HostConfig.NetworkMode'],
  ['Networks', '.NetworkSettings.Networks'],
  ['RestartPolicy', '.HostConfig.RestartPolicy.Name'],
  ['AutoRemove', '.HostConfig.AutoRemove'],
]
  .map(([key, field]) => `"${key}":{{json ${field}}}`)
  .join(',');

const infoFormat = [
  'ServerVersion',
  'LiveRestoreEnabled',
  'OperatingSystem',
  'SecurityOptions',
  'DockerRootDir',
  'Swarm',
]
  .map((key) => `"${key}":{{json .${key}}}`)
  .join(',');

/**
 * dockerd is asked only where a dockerd lives: its socket, where systemd holds it, would start one. One curl for three
 * lists; restart policies come from each container's hostconfig.json, of which grep cuts these two fields. Neither the
 * lists nor these hold a container's environment. A curl that is too old for these options (before 7.52) ends with 2: the
 * docker client is asked instead, as where there is no curl.
 */
export const dockerScript = `
find_dockerd() {
  pid='' comm=''
  { read -r pid </var/run/docker.pid; } 2>/dev/null
  if [ -n "$pid" ]; then { read -r comm <"/proc/$pid/comm"; } 2>/dev/null; fi
  [ "$comm" != dockerd ] || return 0
  for folder in /proc/[0-9]*; do
    comm=''
    { read -r comm <"$folder/comm"; } 2>/dev/null
    if [ "$comm" = dockerd ] && [ "$folder/ns/mnt" -ef /proc/self/ns/mnt ]; then
      pid=\${folder#/proc/}
      return 0
    fi
  done
  return 1
}
see_no_dockerd() {
  state=absent
  if command -v dockerd >/dev/null 2>&1; then
    state=stopped
  elif [ -e /snap/bin/docker ]; then
    state=snap
  elif client=$(command -v docker); then
    line=''
    case $(head -c 2 "$client" 2>/dev/null) in
      '#!') while IFS= read -r line; do case $line in *podman*) state=podman ;; esac done <"$client" ;;
    esac
  fi
  for socket in /run/user/*/docker.sock; do
    if [ -S "$socket" ]; then state=rootless; fi
  done
  say docker "$state"
}
see_docker() {
  if ! command -v dockerd >/dev/null 2>&1 && ! command -v docker >/dev/null 2>&1 && [ ! -e /var/run/docker.pid ] ||
    ! find_dockerd; then
    see_no_dockerd
    return
  fi
  run docker-flags cat "/proc/$pid/cmdline"
  socket=/var/run/docker.sock
  if command -v curl >/dev/null 2>&1; then
    begin docker
    out=$(curl -q -sS --fail-early --max-time 5 --unix-socket "$socket" -w "%{http_code}\\n" \\
      http://localhost/info http://localhost/networks 'http://localhost/containers/json?all=1' 2>&1)
    rc=$?
    if [ "$rc" -ne 2 ]; then
      printf '%s\\n' "$out"
      end docker "$rc" ''
      if [ "$rc" -eq 0 ]; then
        # Cutting a long text costs dash the square of its length: only where matching it does not do.
        root=/var/lib/docker
        case $out in
          *'"DockerRootDir":"/var/lib/docker"'*) ;;
          *)
            root=\${out#*'"DockerRootDir":"'}
            root=\${root%%\\"*}
            ;;
        esac
        set -- "$root"/containers/*/hostconfig.json
        if [ -e "$1" ]; then
          run docker-policies grep -soHE '"(AutoRemove":(true|false)|RestartPolicy":[{]"Name":"[a-z-]*")' "$@"
        elif [ -d "$root/containers" ]; then
          say docker-policies 0
        else
          say docker-policies "no-folder"
        fi
      fi
      return
    fi
  fi
  see_docker_client
}
see_docker_client() {
  DOCKER_HOST=unix://$socket
  export DOCKER_HOST
  run docker-info $limit docker info --format '{${infoFormat}}'
  [ "$rc" -eq 0 ] || return
  ids=$($limit docker network ls -q --no-trunc) || ids=unreadable
  run docker-networks $limit docker network inspect $ids
  ids=$($limit docker ps -aq --no-trunc) || ids=unreadable
  if [ -n "$ids" ]; then
    run docker-containers $limit docker inspect --type container --format '{${containerFormat}}' $ids
  else
    say docker-containers 0
  fi
}
`;
