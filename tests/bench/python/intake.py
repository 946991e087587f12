"""What many build first: a broker, and a program that writes what it gets into PostgreSQL.

Reads messages from an MQTT broker with QoS 1 and copies their samples into a table in batches.
A message is acknowledged to the broker when the batch that holds it is committed. Each commit
prints how many messages are stored so far.
"""

import argparse
import json
import selectors
import time

import paho.mqtt.client as mqtt
import psycopg

TABLE = """
CREATE TABLE IF NOT EXISTS series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine text NOT NULL, signal text NOT NULL, UNIQUE (machine, signal));
CREATE TABLE IF NOT EXISTS points (
    series_id bigint NOT NULL, ts bigint NOT NULL, value double precision,
    quality smallint NOT NULL, PRIMARY KEY (series_id, ts));
"""
COPY = "COPY points (series_id, ts, value, quality) FROM STDIN"
# A message that comes again after a loss of connection brings rows that are there already.
STAGE = "CREATE TEMP TABLE IF NOT EXISTS stage (LIKE points) ON COMMIT DELETE ROWS"
COPY_STAGE = "COPY stage (series_id, ts, value, quality) FROM STDIN"
MERGE = "INSERT INTO points SELECT * FROM stage ON CONFLICT DO NOTHING"
# Packets that are read before the socket is asked again whether there are more.
BURST = 100


class Intake:
    def __init__(self, database, batch, linger):
        self.database = psycopg.connect(database)
        self.database.execute(TABLE)
        self.database.execute(STAGE)
        self.database.commit()
        self.batch, self.linger = batch, linger
        self.series, self.rows, self.mids = {}, [], []
        self.seen, self.stored, self.due = 0, 0, 0.0

    def on_message(self, client, _, message):
        self.seen += 1
        if not self.mids:
            self.due = time.monotonic() + self.linger
        machine = message.topic.split("/")[3]
        for sample in json.loads(message.payload)["samples"]:
            ts = sample["ts"] * 1000
            for signal, value in sample["values"].items():
                series = self.series.get((machine, signal)) or self.create(machine, signal)
                self.rows.append((series, ts, value))
        self.mids.append(message.mid)
        if len(self.mids) >= self.batch:
            self.commit(client)

    def create(self, machine, signal):
        row = self.database.execute(
            "INSERT INTO series (machine, signal) VALUES (%s, %s)"
            " ON CONFLICT (machine, signal) DO UPDATE SET signal = excluded.signal RETURNING id",
            (machine, signal),
        ).fetchone()
        self.series[machine, signal] = row[0]
        return row[0]

    def commit(self, client):
        # Neighbours in the index one after the other: the same that the platform does.
        self.rows.sort()
        text = "".join([f"{series}\t{ts}\t{value}\t0\n" for series, ts, value in self.rows])
        try:
            with self.database.transaction():
                self.copy(COPY, text)
        except psycopg.errors.UniqueViolation:
            self.copy(COPY_STAGE, text)
            self.database.execute(MERGE)
        self.database.commit()
        for mid in self.mids:
            client.ack(mid, 1)
        self.stored += len(self.mids)
        self.rows.clear()
        self.mids.clear()
        print(self.stored, flush=True)

    def copy(self, statement, text):
        with self.database.cursor().copy(statement) as copy:
            copy.write(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--batch", type=int, default=2000, help="messages of a transaction")
    parser.add_argument("--linger", type=float, default=0.05, help="seconds a message waits")
    options = parser.parse_args()

    intake = Intake(options.database, options.batch, options.linger)
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, "intake", clean_session=False, manual_ack=True
    )
    client.on_message = intake.on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_connect = lambda client, *_: client.subscribe("mw/v1/+/+/up/telemetry", qos=1)
    client.connect(options.host, options.port)
    selector = selectors.DefaultSelector()
    selector.register(client.socket(), selectors.EVENT_READ)
    while client.socket() is not None:
        if selector.select(intake.linger):
            for _ in range(BURST):
                before = intake.seen
                client.loop_read()
                if intake.seen == before:
                    break
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if intake.mids and time.monotonic() >= intake.due:
            intake.commit(client)


if __name__ == "__main__":
    main()
