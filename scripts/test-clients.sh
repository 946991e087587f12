#!/bin/sh
# Sets up other people's MQTT clients for the tests: mosquitto_pub from the system, Paho for Python in
# an environment below target/. Where it may not, it says so, and so do the tests that skip them.
set -eu
cd "$(dirname "$0")/.."
environment=${CARGO_TARGET_DIR:-target}/test-clients

if ! command -v mosquitto_pub >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends mosquitto-clients; } \
            >/dev/null 2>&1 || echo '*** mosquitto-clients could not be installed' >&2
    else
        echo '*** mosquitto_pub is not installed: tests with it are skipped.' >&2
        echo '*** Debian, Ubuntu: apt install mosquitto-clients' >&2
    fi
fi

if ! "$environment/bin/python" -c 'import paho.mqtt.client' >/dev/null 2>&1; then
    if ! {
        rm -rf "$environment" && python3 -m venv "$environment" &&
            "$environment/bin/pip" install --quiet --disable-pip-version-check 'paho-mqtt==2.1.0'
    } >/dev/null 2>&1; then
        echo '*** Paho for Python could not be installed: tests with it are skipped.' >&2
        echo '*** They need python3 with venv (Debian: apt install python3-venv) and PyPI.' >&2
    fi
fi
