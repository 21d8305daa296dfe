#!/bin/bash
# Of a POST that is redirected nothing arrives, and the client says that all is well.
#
# Seen with nginx 1.22.1, curl 7.88.1 and Python 3.11.2 (Debian 12), with the status of the redirect and what the second
# request is:
#   - `curl -L --data`: 301, 302 and 303 make it a GET without a body, 307 and 308 keep the POST;
#   - urllib: 301, 302 and 303 make it a GET without a body, 307 and 308 are an error;
#   - in both, the exit status and the status 200 of that GET say success.
# Behind a server that moves from http to https with `return 301`, as guides for nginx say, such a client delivers nothing
# and does not know it.
set -eu
command -v nginx >/dev/null || { echo "nginx is not installed"; exit 77; }
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
nginx -v 2>&1
curl --version | head -n 1
exec python3 - <<'P'
import os, signal, socket, subprocess, sys, tempfile, time, urllib.error, urllib.request

def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

port = free_port()
base = "http://127.0.0.1:%d" % port
kinds = (301, 302, 303, 307, 308)
with tempfile.TemporaryDirectory() as folder:
    path = lambda name: os.path.join(folder, name)
    redirects = "".join("location /%d { return %d /alerts; }" % (kind, kind) for kind in kinds)
    with open(path("conf"), "w") as file:
        file.write("""
daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/error;
events {}
http {
  log_format what escape=none "$request_method $content_length";
  client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
  uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s; access_log off;
  server { listen 127.0.0.1:%(port)d; %(redirects)s
    location /alerts { access_log %(folder)s/access what; return 200; } }
}
""" % {"folder": folder, "port": port, "redirects": redirects})
    program = subprocess.Popen(["nginx", "-p", folder, "-e", path("error"), "-c", path("conf")])
    try:
        def by_curl(url):
            ran = subprocess.run(["curl", "-s", "-f", "-L", "--data", "alert", url], stdout=subprocess.DEVNULL)
            return ran.returncode == 0

        def by_python(url):
            try:
                return urllib.request.urlopen(url, b"alert").status == 200
            except urllib.error.HTTPError:
                return False

        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        found = {}
        for name, send in (("curl", by_curl), ("urllib", by_python)):
            for kind in kinds:
                open(path("access"), "a").close()
                before = os.path.getsize(path("access"))
                success = send("%s/%d" % (base, kind))
                time.sleep(0.1)
                with open(path("access")) as log:
                    log.seek(before)
                    found[name, kind] = (success, log.read().strip())
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait()
for (name, kind), (success, second) in found.items():
    print(name, kind, "success" if success else "error", second or "no second request", sep=", ")
kept = {kind: (True, "POST 5") if kind > 303 else (True, "GET") for kind in kinds}
refused = {kind: (False, "") if kind > 303 else (True, "GET") for kind in kinds}
expected = {("curl", kind): kept[kind] for kind in kinds} | {("urllib", kind): refused[kind] for kind in kinds}
sys.exit(found != expected)
P
