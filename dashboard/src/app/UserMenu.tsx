import { Badge, Button, Group, Menu } from '@mantine/core'
import { IconLogout, IconUser } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { useContact } from '../api/contact'
import { useMe } from '../api/people'
import { signOut } from '../api/session'
import { LookSwitch } from '../components/LookSwitch'
import { LanguageSwitch } from '../components/LanguageSwitch'

/** Whether data is live, language, look, and who is signed in. */
export function UserMenu() {
  const { t } = useTranslation()
  const { data: me } = useMe()
  const { state } = useContact()
  const navigate = useNavigate()
  const leave = () => void signOut().then(() => navigate('/sign-in', { replace: true }))
  return (
    <Group gap="xs" wrap="nowrap">
      <Badge
        role="status"
        variant="outline"
        color={state === 'live' ? 'green.9' : 'gray'}
        visibleFrom="sm"
        data-contact={state}
      >
        {state === 'live' ? t('contact.live') : t('contact.connecting')}
      </Badge>
      <LanguageSwitch />
      <LookSwitch />
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="subtle" size="compact-sm" leftSection={<IconUser size={16} />} maw={200}>
            {me?.name ?? me?.email ?? '…'}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component={Link} to="/profile" leftSection={<IconUser size={16} />}>
            {t('nav.profile')}
          </Menu.Item>
          <Menu.Item onClick={leave} leftSection={<IconLogout size={16} />}>
            {t('signIn.out')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}
