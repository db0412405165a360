ask() { curl -s -m 9 -H "Host: ${name:-shop.example.com}" "$@"; }
status() { ask -o /dev/null -w '%{http_code}' "$@"; }
green=/var/lib/vpsdeploy/routes/my-shop/green
expect "nginx finds its files right" nginx -t -q
refuse "without a warning" sh -c 'nginx -t 2>&1 | grep -i warn'
same "nginx is started at boot" enabled systemctl is-enabled nginx.service
refuse "a name of nobody is not answered" env name=other.example.com sh -c 'curl -s -m 5 -H "Host: $name" 127.0.0.1'
same "without an instance: 503" 503 status 127.0.0.1
has "which says when to come back" "Retry-After: 5" ask -i 127.0.0.1
has "as a page for people" "Back in a moment" ask 127.0.0.1
same "also to a POST" 503 status -d x=1 127.0.0.1
same "also to a stream" 503 status -H 'Accept: text/event-stream' 127.0.0.1
refuse "Debian's own page is gone" test -e /etc/nginx/sites-enabled/default

python3 - <<'PY' & app=$!
import http.server, json, threading

class Answer(http.server.BaseHTTPRequestHandler):
    """Stands in for the app: says in JSON which instance it is and which headers arrived. Dies of /die."""

    protocol_version = "HTTP/1.1"
    died = 0

    def do_GET(self):
        if self.path == "/die":
            Answer.died += 1
            self.close_connection = True
            return
        if self.path == "/died":
            self.path, Answer.died, count = "/", 0, Answer.died
            self.headers["X-Died"] = f"{count} times"
        upgrade = self.headers.get("Upgrade") == "websocket"
        body = json.dumps({"host": self.server.server_address[0], "port": self.server.server_port, "headers": dict(self.headers)}).encode()
        self.send_response(101 if upgrade else 418 if self.path == "/teapot" else 200)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade"}.items() if upgrade else ():
            self.send_header(name, value)
        if not upgrade:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Request-Id", "the app's own")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = upgrade

    do_POST = do_GET

    def log_message(self, *words):
        pass

for host in ("127.0.0.1", "127.0.0.2"):
    for port in (4001, 4002, 4101, 4102, 4103):
        server = http.server.ThreadingHTTPServer((host, port), Answer)
        threading.Thread(target=server.serve_forever).start()
PY
expect "the app starts" timeout 10 sh -c 'until curl -sf -o /dev/null 127.0.0.2:4103; do sleep 0.2; done'
has "blue is live without the marker" '"port": 400' ask 127.0.0.1
touch $green
has "green is live with it, at once" '"port": 410' ask 127.0.0.1
rm $green
has "and blue again without it" '"port": 400' ask 127.0.0.1
has "the second name works too" '"port": 400' env name=www.shop.example.com curl -s -H 'Host: www.shop.example.com' 127.0.0.1
has "the app hears the name asked for" '"Host": "shop.example.com"' ask 127.0.0.1
has "a claimed address is overwritten" '"X-Forwarded-For": "127.0.0.1"' ask -H 'X-Forwarded-For: 192.0.2.66' 127.0.0.1
has "the app gets a request id" '"X-Request-Id": "' ask 127.0.0.1
same "the answer has one request id" 1 sh -c 'curl -si -H "Host: shop.example.com" 127.0.0.1 | grep -ci ^x-request-id'
has "nginx does not tell its version" "Server: nginx" ask -i 127.0.0.1
refuse "not even a part of it" sh -c 'curl -si -H "Host: shop.example.com" 127.0.0.1 | grep -q "Server: nginx/"'
same "an app's own 418 is left alone" 418 status 127.0.0.1/teapot
has "a WebSocket is upgraded" "101 Switching" ask -i -N -H 'Connection: Upgrade' -H 'Upgrade: websocket' 127.0.0.1/ws
same "a body that is too large is refused" 413 status -H 'Content-Length: 99999999' -d x 127.0.0.1
same "the health path is open to the host itself" 200 status 127.0.0.1/health
same "but closed to others" 403 status --interface "$(hostname -I | cut -d' ' -f1)" "$(hostname -I | cut -d' ' -f1)/health"
same "and what only begins like it is open" 200 status --interface "$(hostname -I | cut -d' ' -f1)" "$(hostname -I | cut -d' ' -f1)/healthy"
closed=/var/lib/vpsdeploy/routes/my-shop/closed
mkdir -p "${closed%/*}/maintenance/1/77/allow"
echo "<p>Back at noon</p>" > "${closed%/*}/maintenance/1/77/page.html"
ln -s maintenance/1/77 $closed
same "in maintenance: 503, at once" 503 status 127.0.0.1
has "with the page behind the link" "Back at noon" ask 127.0.0.1
has "and its seconds" "Retry-After: 77" ask -i 127.0.0.1
same "to a POST too" 503 status -d x=1 127.0.0.1
same "and to a stream" 503 status -H 'Accept: text/event-stream' 127.0.0.1
same "the host itself still sees the app's health" 200 status 127.0.0.1/health
touch $closed/allow/127.0.0.1
same "an address with a file reaches the app" 200 status 127.0.0.1
rm $closed
rm -r "${closed%/*}/maintenance"
same "afterwards everybody does" 200 status 127.0.0.1
has "nginx tells its figures on loopback" "Active connections" curl -s 127.0.0.1:8081/nginx_status
has "the log is JSON and names the pool" my-shop_blue python3 -c \
  'import json; print([json.loads(line)["pool"] for line in open("/var/log/nginx/my-shop.access.log")][-1])'
same "the log is not for others to read" 640 stat -c %a /var/log/nginx/my-shop.access.log
refuse "no query string reaches the log" sh -c \
  'curl -s -o /dev/null -H "Host: shop.example.com" "127.0.0.1/?token=secret"; sleep 0.2; grep -q secret /var/log/nginx/my-shop.access.log'
expect "the logs are rotated" logrotate --debug /etc/logrotate.d/nginx

# Which instances answer, of forty requests: "127.0.0.1:4001 127.0.0.1:4002 …".
answering() {
  for _ in $(seq 40); do ask 127.0.0.1; echo; done |
    python3 -c 'import json, sys; print(*sorted({"{host}:{port}".format(**json.loads(line)) for line in sys.stdin}))'
}
routes=/var/lib/vpsdeploy/routes/my-shop
sleep 6 # until all that did not answer before the app was there are asked again
mkdir -p $routes/instances $routes/without
same "both hosts answer, with two instances each" "127.0.0.1:4001 127.0.0.1:4002 127.0.0.2:4001 127.0.0.2:4002" answering
touch $routes/instances/my-shop_blue_1
same "a pool of one instance is asked for one" "127.0.0.1:4001 127.0.0.2:4001" answering
touch $routes/without/web-1
same "a host that is out gets nothing, at once" "127.0.0.2:4001" answering
touch $green
same "in either pool, which has a size of its own" "127.0.0.2:4101 127.0.0.2:4102" answering
touch $routes/instances/my-shop_green_3
rm $routes/without/web-1
touch $routes/without/web-2
same "and as many as it was scaled to" "127.0.0.1:4101 127.0.0.1:4102 127.0.0.1:4103" answering
rm -r $routes/without $routes/instances $green
same "nothing of it needed a reload, or left anything" "127.0.0.1:4001 127.0.0.1:4002 127.0.0.2:4001 127.0.0.2:4002" answering
same "an instance that dies of a POST: the client is told" 503 status -d x=1 127.0.0.1/die
has "and it went to no other: it may have been done" "1 times" ask 127.0.0.1/died
same "an instance that dies of a GET" 503 status 127.0.0.1/die
refuse "was not the only one that was tried" sh -c 'curl -s -H "Host: shop.example.com" 127.0.0.1/died | grep -E "\"[01] times"'
same "and those that failed are tried all the same where all did" 200 status 127.0.0.1
kill $app
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
