"""Runs the local program and verifies its deliveries with the library `standardwebhooks`: see verify-signatures."""

import http.server
import json
import queue
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request

from standardwebhooks import Webhook, WebhookVerificationError

PATIENCE = 60  # seconds
arrived = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers 204."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        arrived.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def started(program, folder):
    """The program with data of its own, its address and its owner's key."""
    command = [program, "--listen", "127.0.0.1:0", "--data-dir", folder]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen, url = "", None
    for line in child.stdout:
        seen += line
        url = url or (found := re.search(r"ready on (http://\S+)", line)) and found.group(1)
        if found_key := re.search(r"export KEY=(csk_\S+)", line):
            threading.Thread(target=child.stdout.read, daemon=True).start()
            return child, url, found_key.group(1)
    raise SystemExit(f"the program did not start:\n{seen}")


def verifies(secret, headers, body):
    """Whether the library takes it."""
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def check(what, is_so):
    print(f"{'ok  ' if is_so else 'FAIL'} {what}")
    if not is_so:
        raise SystemExit(1)


def main(program):
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        child, url, key = started(program, folder)
        try:
            run(url, key, f"http://127.0.0.1:{receiver.server_port}/hook")
        finally:
            child.terminate()
            child.wait()


def run(url, key, hook):
    def call(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    flows = call("GET", "/v1/flows")["items"]
    flow = next(flow["id"] for flow in flows if flow["name"] == "One approver on dingtalk")
    source = call("POST", "/v1/sources", {"name": "verify", "format": "native", "callback_url": hook, "default_flow": flow})
    first, rotate = source["webhook_secret"], f"/v1/sources/{source['id']}/rotate-secret"

    def deliveries(signatures, good, bad):
        """Submits, and checks the two deliveries that follow."""
        body = {"title": "Verify", "applicant": {"mobile": "13800000002"}, "source": source["id"]}
        approval = call("POST", "/v1/approvals", body)["id"]
        for kind in ("approval.submitted", "approval.started"):
            headers, body = arrived.get(timeout=PATIENCE)
            event = json.loads(body)
            what = f"{kind}, {signatures} signature(s)"
            check(f"{what}: it is the one", event["type"] == kind and event["data"]["id"] == approval)
            check(f"{what}: so many", len(headers["webhook-signature"].split(" ")) == signatures)
            check(f"{what}: verified by each valid secret", all(verifies(secret, headers, body) for secret in good))
            check(f"{what}: and by no other", not any(verifies(secret, headers, body) for secret in bad))
            check(f"{what}: not with another body", not verifies(good[0], headers, body + b" "))
            late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
            check(f"{what}: not with another time", not verifies(good[0], late, body))
        return approval

    other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    approval = deliveries(1, [first], [other])
    sent = call("GET", f"/v1/approvals/{approval}/deliveries")["items"]
    again = sent[0]["id"]
    call("POST", f"/v1/deliveries/{again}/redeliver", {})
    headers, body = arrived.get(timeout=PATIENCE)
    check("sent again: under its id", headers["webhook-id"] == again)
    check("sent again: verified", verifies(first, headers, body))
    second = call("POST", rotate, {})["webhook_secret"]
    deliveries(2, [first, second], [other])
    call("POST", rotate, {"retire_old": True})
    deliveries(1, [second], [first, other])


main(sys.argv[1])
