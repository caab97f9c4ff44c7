# Sourced by every script of the lab: where things are, and small helpers. Every value can be overridden, so that a second
# lab runs beside the first: another LAB_RUN and other ports, the same LAB_HOME.
set -euo pipefail
LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LAB_DIR
export LAB_HOME=${LAB_HOME:-/var/tmp/reference-lab}   # installed software (and, by default, run state)
export LAB_RUN=${LAB_RUN:-$LAB_HOME/run}              # data dirs, logs, pid files
export LAB_KAFKA=${LAB_KAFKA:-127.0.0.1:9092}
export LAB_KAFKA_CONTROLLER_PORT=${LAB_KAFKA_CONTROLLER_PORT:-$((${LAB_KAFKA##*:} + 1))}
export LAB_CONNECT_PORT=${LAB_CONNECT_PORT:-8083}
export LAB_CONNECT=${LAB_CONNECT:-http://127.0.0.1:$LAB_CONNECT_PORT}
export LAB_REGISTRY_PORT=${LAB_REGISTRY_PORT:-18081}
export LAB_REGISTRY=${LAB_REGISTRY:-http://127.0.0.1:$LAB_REGISTRY_PORT}
export LAB_S3_PORT=${LAB_S3_PORT:-14580}
export LAB_S3=${LAB_S3:-http://127.0.0.1:$LAB_S3_PORT}
export LAB_PG_PORT=${LAB_PG_PORT:-5433}
export LAB_PYTHON=${LAB_PYTHON:-$LAB_HOME/venv/bin/python}
LAB_JAVA=${LAB_JAVA:-${JAVA_HOME:+$JAVA_HOME/bin/}java} # any Java >= 17
mkdir -p "$LAB_RUN"

die() { echo "error: $*" >&2; exit 1; }

# pid file helpers: NAME -> $LAB_RUN/NAME.pid
pid_of() { local f=$LAB_RUN/$1.pid; [ -s "$f" ] && kill -0 "$(cat "$f")" 2>/dev/null && cat "$f"; }
is_up() { pid_of "$1" >/dev/null; }
status_of() { if is_up "$1"; then echo "$1: running, pid $(pid_of "$1")"; else echo "$1: stopped"; return 3; fi; }
# stop_pid NAME [SIGNAL] [SECONDS]: signal, wait, then SIGKILL
stop_pid() {
  local name=$1 sig=${2:-TERM} secs=${3:-30} pid i
  pid=$(pid_of "$name") || { echo "$name: not running"; rm -f "$LAB_RUN/$name.pid"; return 0; }
  kill -"$sig" "$pid"
  for ((i = 0; i < secs * 10; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  if kill -0 "$pid" 2>/dev/null; then echo "$name: still up after ${secs}s, SIGKILL"; kill -KILL "$pid"; fi
  rm -f "$LAB_RUN/$name.pid"; echo "$name: stopped"
}
# wait_for SECONDS NAME COMMAND...: poll until COMMAND succeeds, or NAME's process is gone
wait_for() {
  local secs=$1 name=$2 i; shift 2
  for ((i = 0; i < secs * 10; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    is_up "$name" || { echo "error: $name died, see $LAB_RUN/$name" >&2; return 1; }
    sleep 0.1
  done
  echo "error: $name not ready after ${secs}s, see $LAB_RUN/$name" >&2; return 1
}
tcp_open() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }
# as_user USER COMMAND...: database servers refuse to run as root
as_user() { local u=$1; shift; if [ "$(id -un)" = "$u" ]; then "$@"; else runuser -u "$u" -- "$@"; fi; }
kafka_java() { "$LAB_JAVA" -cp "$LAB_HOME/kafka/libs/*" "$@"; }
# other processes must not hold a port that we are about to use: the message then names the port, not a log file
port_free() { ! tcp_open "127.0.0.1:$1" || die "port $1 of 127.0.0.1 is taken; choose another ($2)"; }
