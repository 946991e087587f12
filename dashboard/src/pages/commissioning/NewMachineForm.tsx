import { Alert, Button, Fieldset, Group, Select, Stack, TextInput } from '@mantine/core'
import { useForm, type UseFormReturnType } from '@mantine/form'
import { useTranslation } from 'react-i18next'
import { useCreateMachine, useCreateSite, useOrganizations, useSites } from '../../api/machines'
import { useMay, useMe } from '../../api/people'
import { ProblemError } from '../../api/problem'
import { useSubmitKey } from '../../api/submit-key'
import { useTroubleText } from '../../components/trouble'
import { NEW_SITE, type NewMachine, OWN_ZONE, timeZones, toMachine } from './new-machine'

export function NewMachineForm({ onCreated }: { onCreated: (machineId: string) => void }) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  const troubleText = useTroubleText()
  const createMachine = useCreateMachine()
  const createSite = useCreateSite()
  const { key, onRefused } = useSubmitKey()
  const needed = (value: string) => (value.trim() ? null : common('signIn.required'))
  const form = useForm<NewMachine>({
    initialValues: {
      name: '',
      serial_number: '',
      model: '',
      organization_id: null,
      site_id: null,
      criticality: 'normal',
      site_name: '',
      time_zone: OWN_ZONE,
    },
    validate: {
      name: needed,
      serial_number: needed,
      site_name: (name, { site_id }) => (site_id === NEW_SITE ? needed(name) : null),
      time_zone: (zone, { site_id }) => (site_id === NEW_SITE && !zone ? needed('') : null),
    },
  })
  /** The new site first; once it is there, another try of the machine makes no second one. */
  const siteOf = async (values: NewMachine) => {
    if (values.site_id !== NEW_SITE) return values.site_id
    const site = await createSite.mutateAsync({
      name: values.site_name.trim(),
      time_zone: values.time_zone ?? '',
      organization_id: values.organization_id ?? undefined,
    })
    form.setFieldValue('site_id', site.id)
    return site.id
  }
  const submit = form.onSubmit(async (values) => {
    let site: string | null
    try {
      site = await siteOf(values)
    } catch (error) {
      if (error instanceof ProblemError) {
        const { name, time_zone, organization_id } = error.fields
        form.setErrors({ site_name: name, time_zone, organization_id })
      }
      return
    }
    try {
      const machine = await createMachine.mutateAsync({ body: toMachine(values, site), key })
      onCreated(machine.id)
    } catch (error) {
      onRefused(error)
      if (!(error instanceof ProblemError)) return
      if (error.status === 409) form.setErrors({ serial_number: t('machine.serialTaken') })
      else form.setErrors(error.fields)
    }
  })
  const error = createSite.error ?? createMachine.error
  const isAtFields = Object.keys(form.errors).length > 0
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {error && !isAtFields && (
          <Alert color="red" variant="outline" role="alert">
            {troubleText(error)}
          </Alert>
        )}
        <TextInput
          label={t('machine.name')}
          description={t('machine.nameHint')}
          required
          maxLength={200}
          {...form.getInputProps('name')}
        />
        <TextInput
          label={t('machine.serial')}
          required
          maxLength={100}
          {...form.getInputProps('serial_number')}
        />
        <TextInput
          label={t('machine.model')}
          description={t('machine.modelHint')}
          maxLength={100}
          {...form.getInputProps('model')}
        />
        <Select
          label={t('machine.criticality')}
          description={t('machine.criticalityHint')}
          allowDeselect={false}
          data={(['high', 'normal', 'low'] as const).map((value) => ({
            value,
            label: t(`criticality.${value}`),
          }))}
          {...form.getInputProps('criticality')}
        />
        <Place form={form} />
        <Group justify="flex-end">
          <Button type="submit" loading={createMachine.isPending || createSite.isPending}>
            {t('machine.register')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

type PlaceForm = Pick<UseFormReturnType<NewMachine>, 'getInputProps' | 'values' | 'setValues'>

/** Whose it is, where that is a question, and where it stands. */
function Place({ form }: { form: PlaceForm }) {
  const { t } = useTranslation('commissioning')
  const may = useMay()
  const me = useMe()
  const sites = useSites()
  const organizations = useOrganizations()
  const whose = organizations.data?.items ?? []
  const mayAdd = may('organizations.write')
  const { site_id, organization_id } = form.values
  const owner = organization_id ?? me.data?.organization_id
  const offered = (sites.data ?? []).filter((site) => site.organization_id === owner)
  return (
    <>
      {whose.length > 1 && (
        <Select
          label={t('machine.organization')}
          searchable
          allowDeselect={false}
          data={whose.map((each) => ({ value: each.id, label: each.name }))}
          {...form.getInputProps('organization_id')}
          value={owner ?? null}
          onChange={(id) => form.setValues({ organization_id: id, site_id: null })}
        />
      )}
      <Select
        label={t('machine.site')}
        description={mayAdd ? undefined : t('machine.siteHint')}
        searchable
        clearable
        clearButtonProps={{ 'aria-label': t('machine.noSite'), tabIndex: 0 }}
        placeholder={t('machine.noSite')}
        nothingFoundMessage={t('machine.siteMissing')}
        data={[
          ...offered.map((site) => ({ value: site.id, label: `${site.name} (${site.time_zone})` })),
          ...(mayAdd ? [{ value: NEW_SITE, label: t('machine.newSite') }] : []),
        ]}
        {...form.getInputProps('site_id')}
      />
      {site_id === NEW_SITE && (
        <Fieldset legend={t('machine.newSite')}>
          <Stack>
            <TextInput
              label={t('machine.siteName')}
              required
              maxLength={200}
              {...form.getInputProps('site_name')}
            />
            <Select
              label={t('machine.timeZone')}
              description={t('machine.timeZoneHint')}
              required
              searchable
              limit={100}
              data={timeZones()}
              {...form.getInputProps('time_zone')}
            />
          </Stack>
        </Fieldset>
      )}
    </>
  )
}
