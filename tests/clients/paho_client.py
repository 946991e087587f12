"""A plain MQTT client with Eclipse Paho: publishes, then asks for somebody else's topics.

Prints what it was told as one JSON object. Called by tests/tests/plain_clients.rs.
"""

import argparse
import json
import sys
import threading

import paho.mqtt.client as mqtt

PATIENCE_S = 30

parser = argparse.ArgumentParser()
parser.add_argument("--host", required=True)
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--user", required=True)
parser.add_argument("--password", required=True)
parser.add_argument("--cafile")
parser.add_argument("--websocket", action="store_true")
parser.add_argument("--mqtt5", action="store_true")
parser.add_argument("--topic", required=True)
parser.add_argument("--filter", required=True)
parser.add_argument("payloads", nargs="*")
given = parser.parse_args()

connected, subscribed = threading.Event(), threading.Event()
told = {"connect": None, "acknowledged": 0, "subscribe": None}


def on_connect(_client, _userdata, _flags, reason, _properties):
    told["connect"] = reason.value
    connected.set()


def on_subscribe(_client, _userdata, _mid, reasons, _properties):
    told["subscribe"] = [reason.value for reason in reasons]
    subscribed.set()


client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id="paho",
    transport="websockets" if given.websocket else "tcp",
    protocol=mqtt.MQTTv5 if given.mqtt5 else mqtt.MQTTv311,
    reconnect_on_failure=False,
)
client.username_pw_set(given.user, given.password)
client.on_connect, client.on_subscribe = on_connect, on_subscribe
if given.websocket:
    client.ws_set_options(path="/mqtt")
if given.cafile:
    client.tls_set(ca_certs=given.cafile)
client.connect(given.host, given.port, keepalive=30)
client.loop_start()
if not connected.wait(PATIENCE_S):
    sys.exit("no CONNACK")
if told["connect"] == 0:
    for payload in given.payloads:
        message = client.publish(given.topic, payload, qos=1)
        # With QoS 1 this is the PUBACK.
        message.wait_for_publish(PATIENCE_S)
        told["acknowledged"] += message.is_published()
    client.subscribe(given.filter, qos=1)
    subscribed.wait(PATIENCE_S)
    client.disconnect()
client.loop_stop()
print(json.dumps(told))
