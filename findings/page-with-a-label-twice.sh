#!/bin/bash
# One label that is there twice costs Prometheus the whole page; one series that is there twice costs nothing.
#
# Seen with Prometheus 2.42.0 (Debian 12), text format 0.0.4:
#   - a line with the label `a` twice, even with equal values, makes the scrape fail: `up` is 0, and no other line of
#     the page is stored;
#   - two lines of the same series are not an error: the first value is stored, the second is ignored, and the log says
#     nothing at the default level;
#   - two different `# TYPE` lines for one name are not an error either.
# Who makes labels from names of users (tags, containers) and replaces the characters that a label must not have makes
# two names equal sooner or later, and then all metrics of the program are gone.
set -eu
command -v prometheus >/dev/null || { echo "prometheus is not installed"; exit 77; }
prometheus --version 2>&1 | head -n 1
exec python3 - <<'P'
import http.server, json, os, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request

PAGES = {
    "label": 'other 1\nname{a="1",a="1"} 1\n',
    "series": 'other 1\nname{a="1"} 1\nname{a="1"} 2\n',
    "type": "# TYPE other gauge\n# TYPE other counter\nother 1\n",
}

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES[self.path[1:]].encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory() as folder:
    jobs = [{"job_name": name, "metrics_path": "/" + name,
             "static_configs": [{"targets": ["127.0.0.1:%d" % server.server_port]}]} for name in PAGES]
    with open(os.path.join(folder, "p.yml"), "w") as file:
        json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}, file)
    port = free_port()
    program = subprocess.Popen(
        ["prometheus", "--config.file", file.name, "--storage.tsdb.path", os.path.join(folder, "data"),
         "--web.listen-address", "127.0.0.1:%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def query(name):
            url = "http://127.0.0.1:%d/api/v1/query?query=%s" % (port, name)
            found = json.load(urllib.request.urlopen(url))["data"]["result"]
            return {one["metric"]["job"]: one["value"][1] for one in found}
        up = {}
        until = time.monotonic() + 40
        while len(up) < len(PAGES) and time.monotonic() < until:
            time.sleep(0.2)
            try:
                up = query("up")
            except OSError:
                pass
        found = {"up": up, "other": query("other"), "name": query("name")}
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait()
expected = {
    "up": {"label": "0", "series": "1", "type": "1"},
    "other": {"series": "1", "type": "1"},
    "name": {"series": "1"},
}
for name, jobs in found.items():
    print(name, dict(sorted(jobs.items())))
sys.exit(found != expected)
P
