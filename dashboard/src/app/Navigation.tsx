import { NavLink } from '@mantine/core'
import {
  IconAlertTriangle,
  IconBell,
  IconBook,
  IconDatabase,
  IconEngine,
  IconHistory,
  IconPlugConnected,
  IconRuler2,
  IconTicket,
} from '@tabler/icons-react'
import type { ComponentType } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'
import { useMay } from '../api/people'

interface Entry {
  to: string
  text: 'now' | 'fleet' | 'tickets' | 'alarms' | 'rules' | 'commission' | 'audit' | 'storage'
  icon: ComponentType<{ size?: number; stroke?: number }>
  /** Other pages that belong to it. */
  also?: string
  needs?: string
}

const ENTRIES: Entry[] = [
  { to: '/', text: 'now', icon: IconBell },
  { to: '/fleet', text: 'fleet', icon: IconEngine, also: '/machines', needs: 'machines.read' },
  { to: '/tickets', text: 'tickets', icon: IconTicket, needs: 'tickets.read' },
  { to: '/alarms', text: 'alarms', icon: IconAlertTriangle, needs: 'alarms.read' },
  { to: '/rules', text: 'rules', icon: IconRuler2, needs: 'rules.read' },
  { to: '/commission', text: 'commission', icon: IconPlugConnected, needs: 'machines.enroll' },
  { to: '/audit', text: 'audit', icon: IconHistory, needs: 'audit.read' },
  { to: '/storage', text: 'storage', icon: IconDatabase, needs: 'policies.write' },
]

export function Navigation() {
  const { t } = useTranslation()
  const { pathname } = useLocation()
  const may = useMay()
  const isActive = ({ to, also }: Entry) =>
    to === '/' ? pathname === '/' : pathname.startsWith(to) || !!(also && pathname.startsWith(also))
  return (
    <nav aria-label={t('nav.main')}>
      {ENTRIES.filter((entry) => !entry.needs || may(entry.needs)).map((entry) => (
        <NavLink
          key={entry.to}
          component={Link}
          to={entry.to}
          label={t(`nav.${entry.text}`)}
          leftSection={<entry.icon size={18} stroke={1.7} />}
          active={isActive(entry)}
          aria-current={isActive(entry) ? 'page' : undefined}
        />
      ))}
      <NavLink
        href="/docs/"
        label={t('nav.api')}
        leftSection={<IconBook size={18} stroke={1.7} />}
      />
    </nav>
  )
}
