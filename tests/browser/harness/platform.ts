/** The platform as a real process with a data folder of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ADMIN, Api } from './api'
import { fileName, outputFolder } from './output'
import { freeAddress } from './ports'
import { Process } from './process'
import { eventually, present } from './wait'

const READY_MS = 60_000

/** Everybody's but the administrator's. */
const PASSWORD = 'a password of the person'
export type Role = 'admin' | 'manager' | 'technician' | 'operator' | 'viewer' | 'auditor'
const ADDED: readonly Role[] = ['technician', 'viewer']

export function credentials(role: Role): { email: string; password: string } {
  return role === 'admin' ? ADMIN : { email: `${role}@example.org`, password: PASSWORD }
}

export class Platform {
  readonly folder = mkdtempSync(join(tmpdir(), 'millwright-browser-'))
  readonly #http: string
  readonly #mqtt: string
  readonly #log: string
  #process: Process | undefined

  private constructor(name: string, http: string, mqtt: string) {
    this.#log = join(outputFolder('logs'), `${fileName(name)}-platform.log`)
    rmSync(this.#log, { force: true })
    this.#http = http
    this.#mqtt = mqtt
  }

  /** A new one with an administrator, a technician and a viewer. */
  static async start(name: string): Promise<Platform> {
    const platform = new Platform(name, await freeAddress(), await freeAddress())
    await platform.resume()
    const api = await platform.api()
    for (const role of ADDED) {
      const { email, password } = credentials(role)
      await api.post('/users', { email, password, role, name: `Test ${role}` })
    }
    return platform
  }

  get url(): string {
    return `http://${this.#http}`
  }

  api(role: Role = 'admin'): Promise<Api> {
    return Api.signedIn(this.url, credentials(role))
  }

  /** Starts it again with the same data, on the same ports. */
  async resume(): Promise<void> {
    const data = join(this.folder, 'platform')
    const args = ['serve', '--http', this.#http, '--mqtt', this.#mqtt, '--data-dir', data]
    // Links and the machines' configuration name the address that a browser uses here.
    args.push('--public-url', this.url, '--public-mqtt', this.#mqtt)
    const process = new Process('millwright', args, this.#log, {
      MILLWRIGHT_ADMIN_PASSWORD: ADMIN.password,
      MILLWRIGHT_LOG: 'info',
    })
    this.#process = process
    const ready = () => {
      process.mustRun()
      const text = readFileSync(join(data, 'addresses.json'), 'utf8')
      if ((JSON.parse(text) as { pid: number }).pid !== process.id) throw new Error('an older one')
    }
    await eventually('the platform is ready', ready, READY_MS)
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await present(this.#process, 'process').kill()
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
