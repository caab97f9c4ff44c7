#!/bin/bash
# S3Proxy on 127.0.0.1:$LAB_S3_PORT (14580): S3's protocol with signatures that are checked; objects are files under $LAB_RUN/s3proxy/buckets, a
# bucket is a directory there. Its user: access key `rowtide`, secret key `rowtide-secret`. A bucket `backups` is there.
#   s3proxy.sh start     s3proxy.sh stop [KILL]     s3proxy.sh status
. "$(dirname "$0")/env.sh"
D=$LAB_RUN/s3proxy

start() {
  is_up s3proxy && { status_of s3proxy; return; }
  port_free "$LAB_S3_PORT" LAB_S3_PORT
  [ -d "$LAB_HOME/s3proxy" ] || die "no S3Proxy under $LAB_HOME/s3proxy; lab/install.sh s3proxy puts it there"
  mkdir -p "$D/buckets/backups"
  cat >"$D/s3proxy.conf" <<C
s3proxy.endpoint=$LAB_S3
s3proxy.authorization=aws-v4
s3proxy.identity=rowtide
s3proxy.credential=rowtide-secret
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir=$D/buckets
C
  cat >"$D/logback.xml" <<'C'
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %logger - %msg%n</pattern></encoder></appender>
  <root level="info"><appender-ref ref="out"/></root>
</configuration>
C
  (cd "$D" && exec setsid "$LAB_JAVA" -Xmx256m -Dlogback.configurationFile="$D/logback.xml" -cp "$LAB_HOME/s3proxy/*" org.gaul.s3proxy.Main \
    --properties "$D/s3proxy.conf" >"$D/s3proxy.log" 2>&1 </dev/null) &
  echo $! >"$LAB_RUN/s3proxy.pid"
  wait_for 60 s3proxy curl -s "$LAB_S3/"
  echo "s3proxy: $LAB_S3, pid $(pid_of s3proxy), log $D/s3proxy.log"
}

case ${1:-status} in
  start) start ;;
  stop) stop_pid s3proxy "${2:-TERM}" ;;
  status) status_of s3proxy ;;
  *) die "usage: $0 start|stop|status" ;;
esac
