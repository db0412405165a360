ask() { curl -s -m 9 -H "Host: ${name:-shop.example.com}" "$@"; }
status() { ask -o /dev/null -w '%{http_code}' "$@"; }
green=/var/lib/vpsdeploy/routes/my-shop/green
expect "nginx finds its files right" nginx -t -q
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
    """Stands in for the app: says in JSON which port it is and which headers arrived."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        upgrade = self.headers.get("Upgrade") == "websocket"
        body = json.dumps({"port": self.server.server_port, "headers": dict(self.headers)}).encode()
        self.send_response(101 if upgrade else 418 if self.path == "/teapot" else 200)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade"}.items() if upgrade else ():
            self.send_header(name, value)
        if not upgrade:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Request-Id", "the app's own")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = upgrade

    def log_message(self, *words):
        pass

for port in (4001, 4002, 4101, 4102):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer)
    threading.Thread(target=server.serve_forever).start()
PY
expect "the app starts" timeout 10 sh -c 'until curl -sf -o /dev/null 127.0.0.1:4102; do sleep 0.2; done'
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
has "nginx tells its figures on loopback" "Active connections" curl -s 127.0.0.1:8081/nginx_status
has "the log is JSON and names the pool" my-shop_blue python3 -c \
  'import json; print([json.loads(line)["pool"] for line in open("/var/log/nginx/my-shop.access.log")][-1])'
refuse "no query string reaches the log" sh -c \
  'curl -s -o /dev/null -H "Host: shop.example.com" "127.0.0.1/?token=secret"; sleep 0.2; grep -q secret /var/log/nginx/my-shop.access.log'
expect "the logs are rotated" logrotate --debug /etc/logrotate.d/nginx
kill $app
same "nothing failed" "" systemctl list-units --failed --no-legend --plain
