#!/usr/bin/env bash
# All of it on this machine, for a class or to try the set-up: `deploy/local.sh [PORT]`. Ctrl-C ends all of it.
#
# HAProxy and two Streamlit processes need Debian's package haproxy, and what requirements.txt lists in the Python that
# PYTHON names. Beside them, each where it is installed:
# - PostgreSQL (Debian's package postgresql, and psycopg in PYTHON) keeps learners and classes, without a network port.
#   Its files stay in DIFFVIZ_PG_DATA; what the file of answers has is copied there when it is first started.
# - Ray Serve (ray[serve] in PYTHON, or in the Python that DIFFVIZ_RAY_PYTHON names) evaluates the networks.
# DIFFVIZ_WITHOUT="postgresql ray" leaves out what it names. DIFFVIZ_DATABASE_URL or DIFFVIZ_DENOISER_URL, where they are
# set, are used instead. DIFFVIZ_RUN: a folder for logs and process ids; by default one that is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${1:-8080}
first=${DIFFVIZ_FIRST_PORT:-$((port + 1))} # two Streamlit processes, then the denoiser
python=${PYTHON:-python3}
ray_python=${DIFFVIZ_RAY_PYTHON:-$python}
haproxy=$(PATH=$PATH:/usr/sbin command -v "${HAPROXY:-haproxy}") || {
  echo "haproxy is not installed: apt-get install haproxy" >&2
  exit 2
}
wanted() { [[ " ${DIFFVIZ_WITHOUT:-} " != *" $1 "* ]]; }

started=()
run=${DIFFVIZ_RUN:-}
if [ -z "$run" ]; then
  run=$(mktemp -d)
  remove=$run
fi
stop() {
  trap - EXIT INT TERM
  kill "${started[@]}" 2>/dev/null || true
  wait
  [ -z "${socket:-}" ] || {
    as_owner "$pg/pg_ctl" -D "$pg_data" -m fast stop >/dev/null || true
    rm -rf "$socket"
  }
  [ -z "${remove:-}" ] || rm -rf "$remove"
}
trap stop EXIT
trap 'exit 0' INT TERM
begin() { # NAME COMMAND...: in the background, with its log and process id in $run
  local name=$1
  shift
  "$@" >"$run/$name.log" 2>&1 &
  started+=($!)
  echo $! >"$run/$name.pid"
}

# --- PostgreSQL, which refuses to run as root ---
as_owner() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}
initdb=$(command -v initdb || ls -1 /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1 || true)
if [ -z "${DIFFVIZ_DATABASE_URL:-}" ] && wanted postgresql && [ -n "$initdb" ] && "$python" -c 'import psycopg' 2>/dev/null; then
  pg=$(dirname "$initdb")
  if [ "$(id -u)" = 0 ]; then
    pg_data=${DIFFVIZ_PG_DATA:-/var/lib/diffviz-postgresql}
  else
    pg_data=${DIFFVIZ_PG_DATA:-$("$python" -c 'from diffviz.lessons.store import folder; print(folder() / "postgresql")')}
  fi
  socket=$(mktemp -d /tmp/dvpg-XXXXXX) # the path of a socket must be short; only its owner may enter
  mkdir -p "$pg_data"
  [ "$(id -u)" != 0 ] || chown postgres "$pg_data" "$socket"
  if ! as_owner test -e "$pg_data/PG_VERSION"; then
    as_owner "$initdb" -D "$pg_data" -U diffviz --auth=trust -E UTF8 --locale=C >"$run/postgresql.log"
    fresh=1
  fi
  as_owner "$pg/pg_ctl" -D "$pg_data" -w -l "$pg_data/log" -o "-k $socket -c listen_addresses=''" start >>"$run/postgresql.log"
  export DIFFVIZ_DATABASE_URL="postgresql://diffviz@/postgres?host=$socket"
  echo "$DIFFVIZ_DATABASE_URL" >"$run/database"
  if [ -n "${fresh:-}" ]; then
    "$python" -m diffviz store copy >>"$run/postgresql.log" 2>&1 || true # there may be no file yet
  fi
  echo "learners and classes in PostgreSQL ($pg_data)"
fi

# --- Ray Serve ---
if [ -z "${DIFFVIZ_DENOISER_URL:-}" ] && wanted ray && "$ray_python" -c 'import ray.serve' 2>/dev/null; then
  PYTHONPATH=$PWD begin ray "$ray_python" -m diffviz.serving.ray_app --port $((first + 2))
  export DIFFVIZ_DENOISER_URL=http://127.0.0.1:$((first + 2))
  echo "networks on Ray Serve ($DIFFVIZ_DENOISER_URL)" # the pages evaluate them until it has started
fi

# --- the pages: the cores are shared out; cookies that one process signed are good for the other ---
cores=$(nproc)
export DIFFVIZ_PERMITS=${DIFFVIZ_PERMITS:-$((cores > 1 ? cores / 2 : 1))}
export OMP_NUM_THREADS=1
STREAMLIT_SERVER_COOKIE_SECRET=${STREAMLIT_SERVER_COOKIE_SECRET:-$("$python" -c 'import secrets; print(secrets.token_hex(32))')}
export STREAMLIT_SERVER_COOKIE_SECRET
export DIFFVIZ_BIND=${DIFFVIZ_BIND:-127.0.0.1:$port} # "*:$port" for the phones of a class as well
for i in 1 2; do
  begin "app$i" "$python" -m streamlit run app.py --server.port $((first + i - 1)) --server.address 127.0.0.1 \
    --server.headless true --server.fileWatcherType none
  export "DIFFVIZ_APP$i=127.0.0.1:$((first + i - 1))"
done
begin haproxy "$haproxy" -db -f deploy/haproxy.cfg
echo "http://$DIFFVIZ_BIND (logs in $run)"
wait $!
