#!/bin/bash
# A real Kafka Connect worker with Debezium's PostgreSQL plugin, REST on 127.0.0.1:8083.
#   connect.sh start [CONNECTOR-FILE...]     connect.sh stop [KILL]      connect.sh status
# LAB_CONNECT_MODE=standalone runs connect-standalone (offsets in $LAB_RUN/NAME/offsets, kept unless it is removed) with the
# connector files; the default is distributed. LAB_CONNECT_NAME (default connect) and LAB_CONNECT_PORT let a second worker
# run, in distributed mode in the same group; LAB_CONNECT_PLUGINS names others of the lab's plugins, LAB_PLUGIN_PATH replaces them (scanning is most of the start time);
# LAB_CONNECT_EXTRA holds extra worker properties, one per line; LAB_CONNECT_HEAP the heap flags.
. "$(dirname "$0")/env.sh"
NAME=${LAB_CONNECT_NAME:-connect}
D=$LAB_RUN/$NAME

start() {
  is_up "$NAME" && { status_of "$NAME"; return; }
  port_free "$LAB_CONNECT_PORT" LAB_CONNECT_PORT
  local mode=${LAB_CONNECT_MODE:-distributed} class=ConnectDistributed plugins=${LAB_PLUGIN_PATH:-} plugin
  mkdir -p "$D"
  if [ -z "$plugins" ]; then
    plugins=$D/plugins; mkdir -p "$plugins"
    for plugin in ${LAB_CONNECT_PLUGINS:-debezium-connector-postgres}; do ln -sfn "$LAB_HOME/plugins/$plugin" "$plugins/$plugin"; done
  fi
  # as Kafka's shipped config/connect-distributed.properties, plus where to listen and the plugins
  cat >"$D/worker.properties" <<C
bootstrap.servers=$LAB_KAFKA
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
offset.flush.interval.ms=10000
listeners=HTTP://127.0.0.1:$LAB_CONNECT_PORT
rest.advertised.host.name=127.0.0.1
plugin.path=$plugins
C
  case $mode in
    standalone) class=ConnectStandalone; echo "offset.storage.file.filename=$D/offsets" ;;
    distributed) cat <<C ;;
group.id=${LAB_CONNECT_GROUP:-connect-cluster}
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
config.storage.topic=connect-configs
config.storage.replication.factor=1
status.storage.topic=connect-status
status.storage.replication.factor=1
C
    *) die "LAB_CONNECT_MODE is $mode, not distributed or standalone" ;;
  esac >>"$D/worker.properties"
  echo "${LAB_CONNECT_EXTRA:-}" >>"$D/worker.properties"
  # heap and JVM flags as Kafka's connect-distributed.sh and kafka-run-class.sh give them
  setsid "$LAB_JAVA" ${LAB_CONNECT_HEAP:--Xms256M -Xmx2G} -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$LAB_DIR/log4j2.properties" \
    -cp "$LAB_HOME/kafka/libs/*" "org.apache.kafka.connect.cli.$class" "$D/worker.properties" "$@" >"$D/connect.log" 2>&1 </dev/null &
  echo $! >"$LAB_RUN/$NAME.pid"
  local t0; t0=$(date +%s%N)
  wait_for 120 "$NAME" curl -sf "$LAB_CONNECT/"
  echo "$NAME: REST answers after $((($(date +%s%N) - t0) / 1000000)) ms"
  wait_for 120 "$NAME" curl -sf "$LAB_CONNECT/connectors"
  echo "$NAME: $LAB_CONNECT ready after $((($(date +%s%N) - t0) / 1000000)) ms, pid $(pid_of "$NAME"), log $D/connect.log"
}

case ${1:-status} in
  start) shift; start "$@" ;;
  stop) stop_pid "$NAME" "${2:-TERM}" ;;
  status) status_of "$NAME" ;;
  *) die "usage: $0 start|stop|status" ;;
esac
