import { Button, Group, List, Select, SimpleGrid, Stack, Table, Title } from '@mantine/core'
import { type MantineColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconLogout } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { useOrganizations } from '../../api/machines'
import { useMay, useMe } from '../../api/people'
import { useNotify } from '../../components/trouble'
import { signOut } from '../../api/session'
import type { Me } from '../../api/types'
import { Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { NOTHING } from '../../format/format'
import { isLanguage, LANGUAGES } from '../../format/language'
import { speak } from '../../texts'
import { PasswordForm } from './PasswordForm'

export function ProfilePage() {
  const { t } = useTranslation('profile')
  const { t: common } = useTranslation()
  const me = useMe()
  const navigate = useNavigate()
  const notify = useNotify()
  const leave = () =>
    void signOut().then(() => navigate('/sign-in', { replace: true }), notify.failed)
  return (
    <>
      <PageHead
        title={t('title')}
        actions={
          <Button variant="default" leftSection={<IconLogout size={16} />} onClick={leave}>
            {common('signIn.out')}
          </Button>
        }
      />
      <Stack gap="xl" maw={640}>
        <Section title={t('who')}>
          <Loaded query={me}>{(known) => <Who me={known} />}</Loaded>
        </Section>
        <Section title={t('look')}>
          <Look />
        </Section>
        {me.data?.kind === 'user' && (
          <Section title={t('password.title')}>
            <PasswordForm email={me.data.email ?? ''} />
          </Section>
        )}
      </Stack>
    </>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mb="sm">
        {title}
      </Title>
      {children}
    </section>
  )
}

const ROLES = ['admin', 'manager', 'technician', 'operator', 'viewer', 'auditor'] as const

function Who({ me }: { me: Me }) {
  const { t } = useTranslation('profile')
  const may = useMay()
  const role = ROLES.find((known) => known === me.role)
  const rows: [string, ReactNode][] = [
    [t('name'), me.name ?? NOTHING],
    [t('email'), me.email ?? NOTHING],
    [t('role'), role ? t(`roles.${role}`) : (me.role ?? NOTHING)],
  ]
  return (
    <>
      <Table variant="vertical" withRowBorders={false}>
        <Table.Tbody>
          {rows.map(([label, value]) => (
            <Table.Tr key={label}>
              <Table.Th scope="row" w={160}>
                {label}
              </Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
          {may('organizations.read') && <Organization id={me.organization_id} />}
        </Table.Tbody>
      </Table>
      <details>
        <summary>{t('permissions', { count: me.permissions.length })}</summary>
        <List size="sm" mt="xs">
          {me.permissions.map((permission) => (
            <List.Item key={permission}>{permission}</List.Item>
          ))}
        </List>
      </details>
    </>
  )
}

function Organization({ id }: { id: string }) {
  const { t } = useTranslation('profile')
  const { data } = useOrganizations()
  const name = data?.items.find((each) => each.id === id)?.name
  return (
    <Table.Tr>
      <Table.Th scope="row">{t('organization')}</Table.Th>
      <Table.Td>{name ?? '…'}</Table.Td>
    </Table.Tr>
  )
}

const LOOKS: MantineColorScheme[] = ['auto', 'light', 'dark']

function Look() {
  const { t, i18n } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <Group grow={false}>
      <SimpleGrid cols={{ base: 1, xs: 2 }} w="100%">
        <Select
          label={t('language.title')}
          allowDeselect={false}
          value={i18n.language}
          onChange={(language) => isLanguage(language) && void speak(language)}
          data={LANGUAGES.map((value) => ({ value, label: t(`language.${value}`) }))}
        />
        <Select
          label={t('look.title')}
          allowDeselect={false}
          value={colorScheme}
          onChange={(look) => {
            const chosen = LOOKS.find((known) => known === look)
            if (chosen) setColorScheme(chosen)
          }}
          data={LOOKS.map((value) => ({ value, label: t(`look.${value}`) }))}
        />
      </SimpleGrid>
    </Group>
  )
}
