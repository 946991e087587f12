import { Button, Group, ScrollArea, Table, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useCertificates, useRevokeCertificate } from '../../api/machines'
import { useMay } from '../../api/people'
import type { Machine, MachineCertificate } from '../../api/types'
import { ConfirmDialog } from '../../components/ConfirmDialog'
import { Empty, Loaded } from '../../components/Loaded'
import { useNotify } from '../../components/trouble'
import { millis } from '../../format/format'
import { useFormat, useNow } from '../../format/use'
import { daysLeft } from './clock'
import classes from './machine.module.css'

/** The certificates that the machine proves itself with, newest first. */
export function Certificates({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const query = useCertificates(machine.id)
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('certificate.title')}
      </Title>
      <Loaded query={query}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty>{t('certificate.none')}</Empty>
          ) : (
            <Rows machine={machine} certificates={data.items} />
          )
        }
      </Loaded>
    </section>
  )
}

function Rows({
  machine,
  certificates,
}: {
  machine: Machine
  certificates: readonly MachineCertificate[]
}) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  return (
    <ScrollArea
      type="auto"
      viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('certificate.title') }}
    >
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('certificate.serial')}</Table.Th>
            <Table.Th scope="col">{t('certificate.from')}</Table.Th>
            <Table.Th scope="col">{t('certificate.to')}</Table.Th>
            <Table.Th scope="col">{t('certificate.state')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {certificates.map((each) => (
            <Table.Tr key={each.serial}>
              <Table.Td ff="monospace" className={classes.id} miw={160}>
                {each.serial}
              </Table.Td>
              <Table.Td className={classes.number}>{format.date(each.not_before)}</Table.Td>
              <Table.Td className={classes.number}>{format.date(each.not_after)}</Table.Td>
              <Table.Td>
                <State machine={machine} certificate={each} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  )
}

function State({ machine, certificate }: { machine: Machine; certificate: MachineCertificate }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const now = useNow()
  const may = useMay()
  const days = daysLeft(millis(certificate.not_after), now)
  if (certificate.revoked_at) {
    return (
      <Text size="sm">
        {t('certificate.revoked', { at: format.dateTime(certificate.revoked_at) })}
        {certificate.revocation_reason && `: ${certificate.revocation_reason}`}
      </Text>
    )
  }
  return (
    <Group gap="xs">
      <Text size="sm">
        {days < 0 ? t('certificate.ended') : t('certificate.days', { count: days })}
      </Text>
      {days >= 0 && may('machines.enroll') && (
        <Revoke machine={machine} certificate={certificate} />
      )}
    </Group>
  )
}

function Revoke({ machine, certificate }: { machine: Machine; certificate: MachineCertificate }) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const revoke = useRevokeCertificate()
  const [opened, setOpened] = useState(false)
  const confirm = (reason: string) =>
    revoke.mutate(
      { machineId: machine.id, serial: certificate.serial, reason },
      {
        onSuccess: () => {
          notify.done(t('certificate.revokeDone'))
          setOpened(false)
        },
        onError: notify.failed,
      },
    )
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        onClick={() => setOpened(true)}
        aria-label={t('certificate.revokeOf', { serial: certificate.serial })}
      >
        {t('certificate.revoke')}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={() => setOpened(false)}
        title={t('certificate.revokeTitle')}
        confirm={t('certificate.revoke')}
        asksReason
        dangerous
        busy={revoke.isPending}
        onConfirm={confirm}
      >
        {t('certificate.revokeText')}
      </ConfirmDialog>
    </>
  )
}
