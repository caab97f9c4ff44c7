# Sourced by install.sh and the demo: Debian packages, installed only where missing. Needs root for what is missing.
apt_updated=
apt_need() { # apt_need PACKAGE...: apt-get install what is not installed yet
  local p missing=() log
  for p in "$@"; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
  [ ${#missing[@]} = 0 ] && return 0
  [ "$(id -u)" = 0 ] || { echo "error: not root, so install these first: apt-get install ${missing[*]}" >&2; return 1; }
  echo "installing ${missing[*]}"
  log=$(mktemp)
  [ -n "$apt_updated" ] || apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  apt_updated=1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { tail -20 "$log" >&2; echo "error: apt-get install ${missing[*]} failed" >&2; return 1; }
  rm -f "$log"
}

# PostgreSQL without the cluster that Debian's package would create and start on port 5432
apt_need_postgres() { # apt_need_postgres VERSION
  local conf=/etc/postgresql-common/createcluster.conf
  [ -x "/usr/lib/postgresql/$1/bin/postgres" ] && return 0
  apt_need postgresql-common || return 1
  cp "$conf" "$conf.rowtide"
  sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' "$conf"
  local ok=0
  apt_need "postgresql-$1" "postgresql-client-$1" || ok=1
  mv "$conf.rowtide" "$conf"
  return $ok
}
