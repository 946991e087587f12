import { Stack, Stepper } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'
import { useCreateDeviceToken, useCreateEnrollmentCode, useMachine } from '../../api/machines'
import { useMay, useMe } from '../../api/people'
import type { Machine } from '../../api/types'
import { Loaded } from '../../components/Loaded'
import { NotAllowed } from '../../components/NotAllowed'
import { PageHead } from '../../components/PageHead'
import { AgentStep } from './AgentStep'
import { DeviceStep } from './DeviceStep'
import { MachineStep } from './MachineStep'
import { type Place, placeOf, queryOf, STEPS } from './place'
import { WaitStep } from './WaitStep'
import { WayStep } from './WayStep'

/** From a machine that nobody knows to one whose values are seen. */
export function CommissioningPage() {
  const { t } = useTranslation('commissioning')
  const may = useMay()
  const me = useMe()
  return (
    <>
      <PageHead title={t('title')} />
      <Loaded query={me}>{() => (may('machines.enroll') ? <Wizard /> : <NotAllowed />)}</Loaded>
    </>
  )
}

function Wizard() {
  const { t } = useTranslation('commissioning')
  const [query, setQuery] = useSearchParams()
  const place = placeOf(query)
  const isNarrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  const go = (part: Partial<Place>) => setQuery(queryOf({ ...place, ...part }))
  const active = STEPS.indexOf(place.step)
  return (
    <Stack maw={860} gap="lg">
      <Stepper
        active={active}
        size="sm"
        orientation={isNarrow ? 'vertical' : 'horizontal'}
        allowNextStepsSelect={false}
        onStepClick={(index) => go({ step: STEPS[index] ?? 'machine' })}
        aria-label={t('steps')}
      >
        {STEPS.map((step, index) => (
          <Stepper.Step
            key={step}
            label={t(`step.${step}`)}
            aria-current={index === active ? 'step' : undefined}
          />
        ))}
      </Stepper>
      {place.step === 'machine' || !place.machineId ? (
        <MachineStep
          chosen={place.machineId}
          onChosen={(machineId) => go({ machineId, step: 'way', since: undefined })}
        />
      ) : (
        <WithMachine place={place} machineId={place.machineId} go={go} key={place.machineId} />
      )}
    </Stack>
  )
}

interface WithMachineProps {
  place: Place
  machineId: string
  go: (part: Partial<Place>) => void
}

/** The steps that need a machine. What is shown once is kept here, in memory only. */
function WithMachine({ place, machineId, go }: WithMachineProps) {
  const machine = useMachine(machineId)
  const code = useCreateEnrollmentCode()
  const token = useCreateDeviceToken()
  const wait = () => go({ step: 'wait', since: Date.now() })
  const step = (known: Machine) => {
    switch (place.step) {
      case 'way':
        return (
          <WayStep
            way={place.way}
            onBack={() => go({ step: 'machine' })}
            onChosen={(way) => {
              if (way === 'agent' && !code.data) code.mutate(known.id)
              if (way === 'device' && !token.data) token.mutate(known.id)
              go({ way, step: 'connect' })
            }}
          />
        )
      case 'connect':
        return place.way === 'agent' ? (
          <AgentStep code={code} machine={known} onNext={wait} onBack={() => go({ step: 'way' })} />
        ) : (
          <DeviceStep
            token={token}
            machine={known}
            onNext={wait}
            onBack={() => go({ step: 'way' })}
          />
        )
      default:
        return (
          <WaitStep
            machine={known}
            way={place.way}
            since={place.since}
            codeEndsAt={code.data?.expires_at}
            onBack={() => go({ step: 'connect' })}
          />
        )
    }
  }
  return <Loaded query={machine}>{step}</Loaded>
}
