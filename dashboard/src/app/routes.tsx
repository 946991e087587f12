/** Where each page is. A page's code is loaded when it is first opened. */
import { createBrowserRouter } from 'react-router'
import { ErrorPage } from './ErrorPage'
import { NotFoundPage } from './NotFoundPage'

export const router = createBrowserRouter([
  {
    path: '/sign-in',
    errorElement: <ErrorPage />,
    lazy: async () => ({ Component: (await import('../pages/sign-in/SignInPage')).SignInPage }),
    HydrateFallback: () => null,
  },
  {
    path: '/',
    lazy: async () => ({ Component: (await import('./SignedIn')).SignedIn }),
    errorElement: <ErrorPage />,
    HydrateFallback: () => null,
    children: [
      {
        errorElement: <ErrorPage />,
        children: [
          {
            index: true,
            lazy: async () => ({ Component: (await import('../pages/now/NowPage')).NowPage }),
          },
          {
            path: 'fleet',
            lazy: async () => ({ Component: (await import('../pages/fleet/FleetPage')).FleetPage }),
          },
          {
            path: 'machines/:id',
            lazy: async () => ({
              Component: (await import('../pages/machine/MachinePage')).MachinePage,
            }),
          },
          {
            path: 'machines/:id/:tab',
            lazy: async () => ({
              Component: (await import('../pages/machine/MachinePage')).MachinePage,
            }),
          },
          {
            path: 'tickets',
            lazy: async () => ({
              Component: (await import('../pages/tickets/TicketsPage')).TicketsPage,
            }),
          },
          {
            path: 'tickets/:id',
            lazy: async () => ({
              Component: (await import('../pages/ticket/TicketPage')).TicketPage,
            }),
          },
          {
            path: 'alarms',
            lazy: async () => ({
              Component: (await import('../pages/alarms/AlarmsPage')).AlarmsPage,
            }),
          },
          {
            path: 'alarms/:id',
            lazy: async () => ({ Component: (await import('../pages/alarm/AlarmPage')).AlarmPage }),
          },
          {
            path: 'rules',
            lazy: async () => ({ Component: (await import('../pages/rules/RulesPage')).RulesPage }),
          },
          {
            path: 'rules/backtests',
            lazy: async () => ({
              Component: (await import('../pages/rules/history/BacktestsPage')).BacktestsPage,
            }),
          },
          {
            path: 'rules/backtests/:id',
            lazy: async () => ({
              Component: (await import('../pages/rules/history/BacktestPage')).BacktestPage,
            }),
          },
          {
            path: 'rules/:id',
            lazy: async () => ({
              Component: (await import('../pages/rules/RuleEditorPage')).RuleEditorPage,
            }),
          },
          {
            path: 'commission',
            lazy: async () => ({
              Component: (await import('../pages/commissioning/CommissioningPage'))
                .CommissioningPage,
            }),
          },
          {
            path: 'audit',
            lazy: async () => ({ Component: (await import('../pages/audit/AuditPage')).AuditPage }),
          },
          {
            path: 'storage',
            lazy: async () => ({
              Component: (await import('../pages/storage/StoragePage')).StoragePage,
            }),
          },
          {
            path: 'profile',
            lazy: async () => ({
              Component: (await import('../pages/profile/ProfilePage')).ProfilePage,
            }),
          },
          { path: '*', element: <NotFoundPage /> },
        ],
      },
    ],
  },
])
