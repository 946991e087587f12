import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '../../api/people'
import { MachineSelect } from '../../components/MachineSelect'
import { NewMachineForm } from './NewMachineForm'

interface MachineStepProps {
  /** A machine that was chosen before. */
  chosen: string | undefined
  onChosen: (machineId: string) => void
}

/** Which machine it is: a new one, or one that is registered and has never been heard. */
export function MachineStep({ chosen, onChosen }: MachineStepProps) {
  const { t } = useTranslation('commissioning')
  const may = useMay()
  const mayCreate = may('machines.write')
  const [kind, setKind] = useState<'new' | 'existing'>(chosen ? 'existing' : 'new')
  return (
    <Stack>
      {mayCreate ? (
        <SegmentedControl
          value={kind}
          onChange={setKind}
          data={(['new', 'existing'] as const).map((value) => ({
            value,
            label: t(`machine.${value}`),
          }))}
          aria-label={t('step.machine')}
        />
      ) : (
        <Text c="dimmed">{t('machine.onlyExisting')}</Text>
      )}
      {mayCreate && kind === 'new' ? (
        <NewMachineForm onCreated={onChosen} />
      ) : (
        <ExistingMachine chosen={chosen} onChosen={onChosen} />
      )}
    </Stack>
  )
}

function ExistingMachine({ chosen, onChosen }: MachineStepProps) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  const [id, setId] = useState<string | null>(chosen ?? null)
  const [isMissed, setMissed] = useState(false)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (id) onChosen(id)
        else setMissed(true)
      }}
    >
      <Stack>
        <MachineSelect
          label={t('machine.choose')}
          description={t('machine.chooseHint')}
          value={id}
          onChange={setId}
          filter={{ state: 'registered' }}
          error={isMissed && !id && t('machine.chooseMissing')}
        />
        <Group justify="flex-end">
          <Button type="submit">{common('action.next')}</Button>
        </Group>
      </Stack>
    </form>
  )
}
