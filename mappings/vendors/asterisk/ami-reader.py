#!/usr/bin/env python3
"""Posts Asterisk's queue events to awa-bridge, one after the other, each until it is taken."""
import json, os, socket, time, urllib.error, urllib.request

WANTED = {"QueueCallerJoin", "QueueCallerAbandon", "AgentCalled", "AgentConnect", "AgentRingNoAnswer",
          "AgentDump", "AgentComplete", "AttendedTransfer", "UserEvent"}

def post(event):
    headers = {"content-type": "application/json", "x-api-key": os.environ["AWA_KEY"]}
    request = urllib.request.Request(os.environ["AWA_URL"], json.dumps(event).encode(), headers)
    while True:
        try:
            return urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return print("refused:", error.code, flush=True)
        except OSError as error:
            print("not taken yet:", error, flush=True)
        time.sleep(1)

def read(stream):
    event = {}
    for line in stream:
        name, colon, value = line.rstrip("\r\n").partition(":")
        if not colon:
            if event.get("Event") in WANTED:
                post(event)
            event = {}
        elif name.endswith("ChanVariable"):
            event.setdefault(name, []).append(value.strip())
        else:
            event[name] = value.strip()

while True:
    try:
        with socket.create_connection((os.environ["AMI_HOST"], 5038)) as ami:
            login = "Action: Login\r\nUsername: {AMI_USER}\r\nSecret: {AMI_SECRET}\r\nEvents: agent,call,user\r\n\r\n"
            ami.sendall(login.format(**os.environ).encode())
            read(ami.makefile(encoding="utf-8", errors="replace"))
    except OSError as error:
        print("no manager interface:", error, flush=True)
    time.sleep(1)
