/** An agent as a real process. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Api } from './api'
import { fileName, outputFolder } from './output'
import { call, Process } from './process'
import { eventually, present } from './wait'

/** Any free port for its panel; tests don't wait a minute for the next attempt. */
const ALWAYS = `[panel]
listen = "127.0.0.1:0"

[connection]
backoff_min_ms = 100
backoff_max_s = 2
`

/** A machine that exists only here. Without a time it stays sound. */
export function simulator(
  model: 'elevator' | 'cnc_mill' | 'compressor',
  timeToFaultS?: number,
  intervalMs = 200,
): string {
  const fault = timeToFaultS === undefined ? '' : `time_to_fault_s = ${timeToFaultS.toFixed(1)}\n`
  return `[[drivers]]
kind = "simulator"
model = "${model}"
interval_ms = ${intervalMs}
${fault}`
}

interface Status {
  panel: { url?: string | null }
  connection: { state: string }
}

export class Agent {
  readonly folder = mkdtempSync(join(tmpdir(), 'millwright-browser-agent-'))
  readonly dataFolder: string
  readonly machine: string
  readonly #log: string
  readonly #config: string
  #process: Process | undefined

  private constructor(machine: string, name: string, config: string, dataFolder?: string) {
    this.machine = machine
    this.dataFolder = dataFolder ?? join(this.folder, 'data')
    this.#log = join(outputFolder('logs'), `${fileName(name)}-agent.log`)
    rmSync(this.#log, { force: true })
    mkdirSync(this.dataFolder, { recursive: true })
    this.#config = join(this.folder, 'agent.toml')
    writeFileSync(this.#config, `${ALWAYS}\n${config}`)
  }

  /** One that somebody else has enrolled in this folder. */
  static enrolled(name: string, config: string, dataFolder: string): Agent {
    return new Agent('', name, config, dataFolder)
  }

  /** Registers a machine and enrols its agent; doesn't run it. */
  static async enroll(api: Api, url: string, name: string, config: string): Promise<Agent> {
    const agent = new Agent(await api.createMachine(name), name, config)
    const code = await api.enrollmentCode(agent.machine)
    const args = ['enroll', '--url', url, '--code', code, '--data-dir', agent.dataFolder]
    await call('millwright-agent', args)
    return agent
  }

  run(): void {
    const args = ['run', '--config', this.#config, '--data-dir', this.dataFolder]
    this.#process = new Process('millwright-agent', args, this.#log)
  }

  async status(): Promise<Status> {
    const args = ['status', '--json', '--data-dir', this.dataFolder]
    return JSON.parse(await call('millwright-agent', args)) as Status
  }

  /** Runs it and waits until it is connected. */
  async connect(): Promise<void> {
    this.run()
    await eventually('the agent is connected', async () => {
      const { connection } = await this.status()
      if (connection.state !== 'connected') throw new Error(connection.state)
    })
  }

  /** Has the simulated machine fail. */
  async fail(): Promise<void> {
    await call('millwright-agent', ['simulate', 'fail', '--data-dir', this.dataFolder])
  }

  /** The operator's panel, as a browser on the machine takes it. */
  panelUrl(): Promise<string> {
    return eventually('the panel listens', async () =>
      present((await this.status()).panel.url, 'panel'),
    )
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
