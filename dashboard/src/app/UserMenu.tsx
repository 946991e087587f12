import { Box, Button, Group, Menu, Text } from '@mantine/core'
import { IconLogout, IconUser } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { useContact } from '../api/contact'
import { useMe } from '../api/people'
import { useOutage } from '../api/readiness'
import { useNotify } from '../components/trouble'
import { signOut } from '../api/session'
import { ToneBadge } from '../components/badges'
import { LookSwitch } from '../components/LookSwitch'
import { LanguageSwitch } from '../components/LanguageSwitch'
import { Said } from '../components/Said'

/** Whether data is live, language, look, and who is signed in. */
export function UserMenu() {
  const { t } = useTranslation()
  const { data: me } = useMe()
  const name = me?.name ?? me?.email
  const navigate = useNavigate()
  const notify = useNotify()
  const leave = () =>
    void signOut().then(() => navigate('/sign-in', { replace: true }), notify.failed)
  return (
    <Group gap="xs" wrap="nowrap">
      <ContactBadge />
      <LanguageSwitch />
      <LookSwitch />
      <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button
            variant="subtle"
            size="compact-sm"
            maw={200}
            aria-label={name ?? t('nav.profile')}
            leftSection={<IconUser size={16} />}
          >
            <Text span inherit truncate visibleFrom="sm">
              <Said>{name ?? '…'}</Said>
            </Text>
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

function ContactBadge() {
  const { t } = useTranslation()
  const { state } = useContact()
  const outage = useOutage()
  const isLive = state === 'live'
  return (
    <Box role="status" visibleFrom="sm" data-contact={state}>
      {outage ? (
        <ToneBadge tone="critical">{t(`outage.${outage.part}.badge`)}</ToneBadge>
      ) : (
        <ToneBadge tone={isLive ? 'good' : 'plain'}>
          {isLive ? t('contact.live') : t('contact.connecting')}
        </ToneBadge>
      )}
    </Box>
  )
}
