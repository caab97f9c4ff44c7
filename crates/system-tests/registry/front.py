"""A way to a registry that asks for https and for credentials: front.py CERTIFICATE KEY HOST:PORT ALLOWED... Prints the port, on 127.0.0.1 and [::1],
where it listens. ALLOWED are the values of Authorization that may pass; others are answered as Confluent's registry does."""
import http.client, http.server, socket, ssl, sys, threading

certificate, key, target, *allowed = sys.argv[1:]


class Front(http.server.BaseHTTPRequestHandler):
    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("authorization") not in allowed:
            return self.answer(401, "application/json", b'{"error_code":401,"message":"Unauthorized"}')
        registry = http.client.HTTPConnection(target)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "authorization", "connection")}
        registry.request(self.command, self.path, body, kept)
        answer = registry.getresponse()
        self.answer(answer.status, answer.getheader("content-type", "application/json"), answer.read())

    do_GET = do_POST = do_PUT = pass_on

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
four = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
six = Six(("::1", four.server_port), Front)
for server in (four, six):
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever).start()
print(four.server_port, flush=True)
