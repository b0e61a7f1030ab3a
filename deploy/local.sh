#!/usr/bin/env bash
# HAProxy and two Streamlit processes on this machine, for a class or to try the set-up: `deploy/local.sh [PORT]`.
# Needs Debian's package haproxy, and what requirements.txt lists in the Python that PYTHON names. Ctrl-C ends all of it.
# DIFFVIZ_RUN: a folder for the logs and process ids; by default one that is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${1:-8080}
first=${DIFFVIZ_FIRST_PORT:-$((port + 1))}
python=${PYTHON:-python3}
haproxy=$(PATH=$PATH:/usr/sbin command -v "${HAPROXY:-haproxy}") || {
  echo "haproxy is not installed: apt-get install haproxy" >&2
  exit 2
}

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
  [ -z "${remove:-}" ] || rm -rf "$remove"
}
trap stop EXIT
trap 'exit 0' INT TERM

# The cores are shared out; cookies that one process signed are good for the other.
cores=$(nproc)
export DIFFVIZ_PERMITS=${DIFFVIZ_PERMITS:-$((cores > 1 ? cores / 2 : 1))}
export OMP_NUM_THREADS=1
STREAMLIT_SERVER_COOKIE_SECRET=${STREAMLIT_SERVER_COOKIE_SECRET:-$("$python" -c 'import secrets; print(secrets.token_hex(32))')}
export STREAMLIT_SERVER_COOKIE_SECRET

for i in 1 2; do
  "$python" -m streamlit run app.py --server.port $((first + i - 1)) --server.address 127.0.0.1 \
    --server.headless true --server.fileWatcherType none >"$run/app$i.log" 2>&1 &
  started+=($!)
  echo $! >"$run/app$i.pid"
  export "DIFFVIZ_APP$i=127.0.0.1:$((first + i - 1))"
done
export DIFFVIZ_BIND=${DIFFVIZ_BIND:-127.0.0.1:$port}
"$haproxy" -db -f deploy/haproxy.cfg >"$run/haproxy.log" 2>&1 &
started+=($!)
echo $! >"$run/haproxy.pid"
echo "http://$DIFFVIZ_BIND (logs in $run)"
wait $!
