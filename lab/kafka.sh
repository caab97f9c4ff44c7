#!/bin/bash
# A real single-node KRaft broker on $LAB_KAFKA (127.0.0.1:9092).
#   kafka.sh start [--keep]   fresh data dir unless --keep      kafka.sh stop [KILL]      kafka.sh status
#   kafka.sh topics|consume|produce|groups|configs ARGS...      Kafka's own command-line tools, --bootstrap-server given
. "$(dirname "$0")/env.sh"
D=$LAB_RUN/kafka

start() {
  is_up kafka && { status_of kafka; return; }
  port_free "${LAB_KAFKA##*:}" LAB_KAFKA; port_free "$LAB_KAFKA_CONTROLLER_PORT" LAB_KAFKA_CONTROLLER_PORT
  [ "${1:-}" = --keep ] || rm -rf "$D"
  mkdir -p "$D"
  cat >"$D/server.properties" <<C
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$LAB_KAFKA_CONTROLLER_PORT
listeners=PLAINTEXT://$LAB_KAFKA,CONTROLLER://127.0.0.1:$LAB_KAFKA_CONTROLLER_PORT
advertised.listeners=PLAINTEXT://$LAB_KAFKA
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$D/data
auto.create.topics.enable=true
delete.topic.enable=true
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=10000
C
  if [ ! -e "$D/data/meta.properties" ]; then
    kafka_java kafka.tools.StorageTool format -t "$(kafka_java kafka.tools.StorageTool random-uuid 2>/dev/null)" -c "$D/server.properties" >"$D/format.log" 2>&1 ||
      { cat "$D/format.log"; die "kafka storage format"; }
  fi
  setsid "$LAB_JAVA" ${LAB_KAFKA_HEAP:--Xms512m -Xmx1g} -server -XX:+UseG1GC -Djava.awt.headless=true \
    -Dlog4j2.configurationFile="$LAB_DIR/log4j2.properties" -Dkafka.logs.dir="$D" \
    -cp "$LAB_HOME/kafka/libs/*" kafka.Kafka "$D/server.properties" >"$D/kafka.log" 2>&1 </dev/null &
  echo $! >"$LAB_RUN/kafka.pid"
  wait_for 60 kafka tcp_open "$LAB_KAFKA"
  wait_for 60 kafka kcat -b "$LAB_KAFKA" -L -m 2
  echo "kafka: $LAB_KAFKA, pid $(pid_of kafka), log $D/kafka.log"
}

cmd=${1:-status}; shift || true
case $cmd in
  start) start "$@" ;;
  stop) stop_pid kafka "${1:-TERM}" ;;
  status) status_of kafka ;;
  topics) kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "$LAB_KAFKA" "$@" ;;
  consume) kafka_java org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$LAB_KAFKA" "$@" ;;
  produce) kafka_java org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$LAB_KAFKA" "$@" ;;
  groups) kafka_java org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$LAB_KAFKA" "$@" ;;
  configs) kafka_java kafka.admin.ConfigCommand --bootstrap-server "$LAB_KAFKA" "$@" ;;
  *) die "usage: $0 start|stop|status|topics|consume|produce|groups|configs" ;;
esac
