import { Alert, Button, Stack } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'
import { useMay } from '../../api/people'
import { useDeleteRule, useRule } from '../../api/rules'
import type { Rule } from '../../api/types'
import { ConfirmDialog } from '../../components/ConfirmDialog'
import { Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { useNotify } from '../../components/trouble'
import { Precision } from './Precision'
import { RuleEditor } from './RuleEditor'

export function RuleEditorPage() {
  const { t } = useTranslation('rules')
  const { id } = useParams()
  const isNew = id === 'new'
  const rule = useRule(isNew ? undefined : id)
  if (isNew) {
    return (
      <>
        <PageHead title={t('new')} />
        <RuleEditor />
      </>
    )
  }
  return (
    <>
      <PageHead
        title={rule.data?.name ?? t('rule')}
        actions={rule.data && <Delete rule={rule.data} />}
      />
      <Loaded query={rule}>{(found) => <Existing key={found.id} newest={found} />}</Loaded>
    </>
  )
}

/** The version that was opened; a newer one is taken when the person says so. */
function Existing({ newest }: { newest: Rule }) {
  const { t } = useTranslation('rules')
  const may = useMay()
  const [opened, setOpened] = useState(newest)
  const isOld = newest.version > opened.version
  return (
    <>
      {isOld && (
        <Alert color="orange" variant="outline" role="alert" title={t('changed')} mb="md">
          <Button size="xs" variant="default" onClick={() => setOpened(newest)}>
            {t('takeNewest')}
          </Button>
        </Alert>
      )}
      <Stack maw={980}>
        <RuleEditor key={opened.version} rule={opened} onSaved={setOpened} />
        {may('alarms.read') && <Precision ruleId={opened.id} />}
      </Stack>
    </>
  )
}

function Delete({ rule }: { rule: Rule }) {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const may = useMay()
  const navigate = useNavigate()
  const notify = useNotify()
  const remove = useDeleteRule()
  const [isAsked, setAsked] = useState(false)
  if (!may('rules.write')) return null
  return (
    <>
      <Button variant="default" onClick={() => setAsked(true)}>
        {common('action.delete')}
      </Button>
      <ConfirmDialog
        opened={isAsked}
        onClose={() => setAsked(false)}
        title={t('delete', { name: rule.name })}
        confirm={common('action.delete')}
        dangerous
        busy={remove.isPending}
        onConfirm={() =>
          remove.mutate(rule, {
            onSuccess: () => {
              notify.done(t('deleted', { name: rule.name }))
              void navigate('/rules')
            },
            onError: notify.failed,
          })
        }
      >
        {t('deleteEffect')}
      </ConfirmDialog>
    </>
  )
}
