# Sourced by test.sh and bench.sh from the repository's root: steps, and servers that are private: ports and a directory of
# their own, stopped at the end whatever happens. Who sources it defines stop_all (which calls stop_servers) and say_result.
LAB_RUN=$(mktemp -d /var/tmp/rowtide-test.XXXXXX)
export LAB_RUN
chmod 755 "$LAB_RUN" # the user postgres passes through it
. lab/env.sh
. lab/apt.sh
FAILED=()
STARTED=$SECONDS

step() { # step NAME COMMAND...: a failure is remembered, and the next step runs
  local name=$1 from=$SECONDS rc=0; shift
  echo "---- $name"
  "$@" || rc=$?
  echo "---- $name: $([ $rc = 0 ] && echo ok || echo "FAILED ($rc)") after $((SECONDS - from)) s"
  [ $rc = 0 ] || FAILED+=("$name")
  return 0
}
must() { step "$@"; [ ${#FAILED[@]} = 0 ] || [ "${FAILED[-1]}" != "$1" ] || exit 1; } # nothing after it makes sense

finish() {
  local rc=$?
  trap - EXIT
  set +e
  stop_all >"$LAB_RUN/stop.log" 2>&1
  [ ${#FAILED[@]} = 0 ] || rc=1
  if [ $rc = 0 ]; then rm -rf "$LAB_RUN"; else echo "FAILED: ${FAILED[*]:-(interrupted)}; the servers' logs are in $LAB_RUN"; fi
  echo "all steps: $((SECONDS - STARTED)) s"
  say_result
  exit $rc
}
trap finish EXIT
trap 'exit 130' INT TERM

stop_servers() {
  local name
  for name in connect apicurio s3proxy kafka postgres; do lab/$name.sh stop; done
}

free_port() { # below the range that the kernel gives to clients
  local port
  while :; do port=$((20000 + RANDOM % 12000)); tcp_open "127.0.0.1:$port" || { echo $port; return; }; done
}

rust_is_there() {
  apt_need gcc libc6-dev git openssl
  command -v cargo >/dev/null || { echo "cargo is missing: install Rust $(rust_version) or newer"; return 1; }
  cargo --version
}
rust_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

LAB_KAFKA=127.0.0.1:$(free_port) LAB_KAFKA_CONTROLLER_PORT=$(free_port) LAB_CONNECT_PORT=$(free_port) LAB_PG_PORT=$(free_port)
LAB_REGISTRY_PORT=$(free_port) LAB_S3_PORT=$(free_port)
LAB_CONNECT=http://127.0.0.1:$LAB_CONNECT_PORT LAB_REGISTRY=http://127.0.0.1:$LAB_REGISTRY_PORT LAB_S3=http://127.0.0.1:$LAB_S3_PORT

start_kafka_and_postgres() { lab/kafka.sh start && lab/postgres.sh start; }
