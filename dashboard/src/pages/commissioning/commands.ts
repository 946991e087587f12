/** What is typed on the machine; see docs/guides/connect-a-machine.md. Pure. */

/** Where the platform's MQTT endpoint listens when nobody has chosen otherwise. */
export const MQTT_PORT = 8883
const DATA_DIR = './agent'

/** `origin`: where the platform is reached, as the browser sees it. */
export function enrollCommand(origin: string, code: string): string {
  const { protocol, hostname } = new URL(origin)
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  const insecure = protocol === 'http:' && !loopback ? ' --insecure-http' : ''
  return `millwright-agent enroll --url ${origin} --code ${code} --data-dir ${DATA_DIR}${insecure}`
}

export const RUN_COMMAND = `millwright-agent run --data-dir ${DATA_DIR}`
export const RUN_WITH_CONFIG = `millwright-agent run --config agent.toml --data-dir ${DATA_DIR}`

/** The least that a configuration of one's own says. */
export const MINIMAL_CONFIG = `[signals]
allow = ["*"]

[[drivers]]
kind = "host"
name = "host"
interval_ms = 2000`

export function caCommand(origin: string): string {
  return `curl -s ${origin}/api/v1/trust/ca.pem > ca.pem`
}

export function publishCommand(origin: string, machineId: string, token: string): string {
  const host = new URL(origin).hostname.replace(/^127\.0\.0\.1$/, 'localhost')
  return [
    `mosquitto_pub -h ${host} -p ${MQTT_PORT} --cafile ca.pem -u ${machineId} -P ${token} -q 1 \\`,
    `  -t mw/v1/me/up/telemetry -m '{"temperature":21.5,"running":true}'`,
  ].join('\n')
}
