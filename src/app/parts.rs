//! The parts that run side by side, and the order in which they stop: no new webhooks, then no new calls, then the
//! store is closed, so that all that was answered is on the disk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::descriptors::{self, Places};
use super::files::{Files, RulesInForce};
use super::hold::Hold;
use super::issuers::Issuers;
use super::reload::{self, Reloader, Targets};
use super::shared_pace;
use super::tasks::Tasks;
use super::upkeep::{self, Beats};
use super::vitals::Vitals;
use super::{Failure, Host, Listeners};
use crate::admin::{self, Admin, AdminReads, HoldWish};
use crate::awa::pace::{Pace, Shared};
use crate::awa::{Client, Fetcher};
use crate::clock;
use crate::config::Settings;
use crate::contained::supervised;
use crate::dispatch::Dispatch;
use crate::http::{self, Limits, LimitsInForce, Listener, Tls};
use crate::intake::{self, Sources, Webhooks};
use crate::metrics::Metrics;
use crate::notify::{Pusher, Pushing};
use crate::report::{self, Repeats};
use crate::shutdown::{Hangups, Shutdown};
use crate::store::Store;
use crate::systemd::watchdog::Beat;

/// How long open webhook connections may finish after shutdown was asked for.
const INTAKE_DRAIN: Duration = Duration::from_secs(5);

/// How long calls under way may finish; with the rest of the drain it stays below the unit's stop time.
const LONGEST_DRAIN: Duration = Duration::from_secs(20);

/// How long a push that is under way may finish, and what was taken be written.
const PUSH_DRAIN: Duration = Duration::from_secs(3);

/// What is built before anything runs.
pub(super) struct Parts {
    pub(super) settings: Settings,
    pub(super) files: Files,
    pub(super) rules: Arc<RulesInForce>,
    pub(super) store: Store,
    pub(super) hold: Hold,
    pub(super) client: Arc<Client>,
    pub(super) fetcher: Option<Arc<Fetcher>>,
    pub(super) pushing: Arc<Pushing>,
    pub(super) pace: Arc<Pace>,
    /// Where several nodes share the pace.
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) metrics: Metrics,
    pub(super) tls: Option<Tls>,
    pub(super) token: admin::Token,
    pub(super) host: Host,
}

/// What runs.
pub(super) struct Running {
    settings: Settings,
    webhooks: Arc<Webhooks>,
    tls: Option<Tls>,
    places: Places,
    limits: LimitsInForce,
    vitals: Arc<Vitals>,
    admin: Arc<Admin>,
    shared: Option<Arc<Shared>>,
    metrics: Metrics,
    host: Host,
}

impl Parts {
    /// Puts the parts together.
    pub(super) fn start(self) -> Running {
        let Self {
            settings,
            files,
            rules,
            store,
            hold,
            client,
            fetcher,
            pushing,
            pace,
            shared,
            metrics,
            tls,
            token,
            host,
        } = self;
        let sources = Sources::new(files.sources.clone());
        let body_limits = reload::body_limits(&settings);
        let webhooks = Arc::new(Webhooks::new(sources.clone(), store.clone(), body_limits));
        let places = descriptors::connections(&settings);
        let limits = LimitsInForce::from(intake_limits(&settings, places));
        let issuers = Issuers::default();
        issuers.replace(&files.sources, fetcher.as_ref());
        let targets = Targets {
            rules,
            sources,
            issuers,
            webhooks: Arc::clone(&webhooks),
            intake: limits.clone(),
            client: Arc::clone(&client),
            pushing: Arc::clone(&pushing),
            token: token.clone(),
            runtime_directory: host.runtime_directory.clone(),
            store: store.clone(),
            pace: Arc::clone(&pace),
            tls: tls.clone(),
            logging: host.logging.clone(),
            notifier: host.notifier.clone(),
        };
        let reloader = Arc::new(Reloader::new(settings.clone(), files, targets));
        let started_at = clock::now();
        let vitals = Arc::new(Vitals { store, pace, client, reloader, hold, pushing, started_at });
        let admin = Arc::new(admin_of(&vitals, &metrics, token, settings.admin.listen));
        Running { settings, webhooks, tls, places, limits, vitals, admin, shared, metrics, host }
    }
}

fn admin_of(
    vitals: &Arc<Vitals>,
    metrics: &Metrics,
    token: admin::Token,
    listen: SocketAddr,
) -> Admin {
    let vitals = || Arc::clone(vitals);
    let metrics = metrics.clone();
    Admin {
        store: vitals().store.clone(),
        status: {
            let vitals = vitals();
            Box::new(move || vitals.status())
        },
        hold: {
            let vitals = vitals();
            Box::new(move |wish: HoldWish| {
                let vitals = Arc::clone(&vitals);
                Box::pin(async move {
                    let HoldWish { held, until, by } = wish;
                    if held {
                        return vitals.hold.begin(&by, until).await;
                    }
                    let ended = vitals.hold.end(&by).await?;
                    vitals.pace.end_pause();
                    // The dispatcher sleeps until something happens.
                    vitals.store.agenda().changed().notify_one();
                    Ok(ended)
                })
            })
        },
        metrics: {
            let vitals = vitals();
            Box::new(move || {
                vitals.set_gauges();
                metrics.render()
            })
        },
        reload: {
            let vitals = vitals();
            Box::new(move || {
                let reloader = Arc::clone(&vitals.reloader);
                Box::pin(async move {
                    // Carried to its end also where its caller has gone: systemd waits for that end.
                    let asked = tokio::spawn(async move { reloader.reload().await });
                    asked.await.unwrap_or_else(|error| {
                        Err(vec![format!("the reload was not completed: {error}")])
                    })
                })
            })
        },
        token,
        listen,
        sources: {
            let vitals = vitals();
            Box::new(move || vitals.reloader.sources_in_force())
        },
        tables: {
            let vitals = vitals();
            Box::new(move || vitals.reloader.tables())
        },
        contact_center: {
            let vitals = vitals();
            Box::new(move |source| vitals.reloader.contact_center(source))
        },
        reads: AdminReads::default(),
        waiters: admin::Waiters::default(),
    }
}

impl Running {
    pub(super) async fn run(self, listeners: Listeners, shutdown: Shutdown) -> Result<(), Failure> {
        let Self { settings, webhooks, tls, places, limits, vitals, admin, shared, metrics, host } =
            self;
        let (store, notifier) = (vitals.store.clone(), host.notifier);
        let stopped = Shutdown::new();
        let Beats { watchdog, dispatcher, intake: intake_beat, writer } = Beats::register();
        let dispatch = dispatch(&vitals, dispatcher, host.jitter);
        let asked = Arc::clone(&vitals);
        let drain =
            move || LONGEST_DRAIN.min(asked.reloader.request_timeout() + Duration::from_secs(1));
        let mut tasks = Tasks::new();
        let dispatch =
            tasks.essential("dispatcher", &stopped, dispatch.run(stopped.clone(), drain));
        let admin = admin::serve(listeners.admin, admin, places.admin, stopped.clone());
        let admin = tasks.essential("admin", &stopped, admin);
        let asked = Arc::clone(&vitals);
        let take = move |request| {
            let health = intake::health(&request, || asked.takes_webhooks());
            let webhooks = Arc::clone(&webhooks);
            async move {
                match health {
                    Some(answer) => answer,
                    None => webhooks.take(request).await,
                }
            }
        };
        let beat = move || intake_beat.beat();
        let intake = http::serve(listeners.intake, tls, limits, shutdown.clone(), beat, take);
        let intake = tasks.essential("intake", &shutdown, intake);
        let background = background(&vitals, &settings, &shutdown, host.hang_ups, writer, {
            let (watchdog, notifier) = (watchdog.clone(), notifier.clone());
            move || watchdog.clone().run(notifier.clone(), host.watchdog)
        });
        let sharing = shared.map(|shared| keep_shared(&vitals, shared));
        notifier.ready(&vitals.condition().to_string());
        let tell = {
            let (vitals, notifier) = (Arc::clone(&vitals), notifier.clone());
            tokio::spawn(supervised("status", move || {
                upkeep::tell(Arc::clone(&vitals), notifier.clone(), metrics.clone())
            }))
        };

        let pushed = Shutdown::new();
        let pusher = {
            let pushing = Arc::clone(&vitals.pushing);
            let pusher = Pusher::new(store.clone(), pushing, host.jitter, pushed.clone());
            tokio::spawn(supervised("notify", move || pusher.clone().run()))
        };
        let outcome = tokio::select! {
            () = shutdown.requested() => Ok(()),
            failed = store.failed() => Err(Failure::Broken(failed.to_string())),
            failed = tasks.failed() => Err(failed),
        };
        tell.abort();
        watchdog.retire_all();
        notifier.stopping("Stopping: calls in flight are finished");
        tell_of_the_stop(&outcome, vitals.pace.standing(clock::now()).in_flight);
        shutdown.trigger();
        joined("intake", intake).await;
        let hurry = pass_on_hurry(&shutdown, &stopped);
        stopped.trigger();
        joined("dispatcher", dispatch).await;
        joined("admin address", admin).await;
        pushed.trigger();
        if tokio::time::timeout(PUSH_DRAIN, pusher).await.is_err() {
            warn!("What the receiver of [notify] has taken last could not be written");
        }
        store.close().await;
        background.iter().chain([&hurry]).chain(&sharing).for_each(JoinHandle::abort);
        info!(pending = store.counts().pending, "Stopped");
        outcome
    }
}

/// Keeps the pace that several nodes share.
fn keep_shared(vitals: &Arc<Vitals>, shared: Arc<Shared>) -> JoinHandle<()> {
    let (store, pace) = (vitals.store.clone(), Arc::clone(&vitals.pace));
    tokio::spawn(supervised("shared pace", move || {
        shared_pace::keep(store.clone(), Arc::clone(&shared), Arc::clone(&pace))
    }))
}

/// The tasks beside the path of an event.
fn background<F: Future<Output = ()> + Send + 'static>(
    vitals: &Arc<Vitals>,
    settings: &Settings,
    shutdown: &Shutdown,
    mut hang_ups: Option<Hangups>,
    writer: Beat,
    watch: impl FnMut() -> F + Send + 'static,
) -> [JoinHandle<()>; 7] {
    let (client, in_doubt) = (Arc::clone(&vitals.client), settings.servicenow.in_doubt);
    let (reloader, shutdown) = (Arc::clone(&vitals.reloader), shutdown.clone());
    let (store, writer) = (vitals.store.clone(), Arc::new(writer));
    let (hold, watched, counted) = (vitals.hold.clone(), store.clone(), store.clone());
    [
        tokio::spawn(supervised("activity", move || report::nodes::share(counted.clone()))),
        tokio::spawn(supervised("changes", move || watched.clone().watch_settlings())),
        tokio::spawn(supervised("hold", move || hold.clone().watch())),
        tokio::spawn(supervised("look-up rights", move || {
            super::online::warn_if_forbidden(Arc::clone(&client), in_doubt)
        })),
        tokio::spawn(supervised("reload signal", move || {
            Arc::clone(&reloader).on_hang_up(hang_ups.take(), shutdown.clone())
        })),
        tokio::spawn(supervised("store round trip", move || {
            upkeep::heartbeat_writer(store.clone(), Arc::clone(&writer))
        })),
        tokio::spawn(supervised("watchdog", watch)),
    ]
}

fn dispatch(vitals: &Arc<Vitals>, beat: Beat, jitter: fn() -> f64) -> Dispatch {
    let (hold, reloader) = (vitals.hold.clone(), Arc::clone(&vitals.reloader));
    Dispatch {
        store: vitals.store.clone(),
        client: Arc::clone(&vitals.client),
        pace: Arc::clone(&vitals.pace),
        delays: Box::new(move || reloader.delays()),
        jitter: Box::new(jitter),
        freed: tokio::sync::Notify::new(),
        repeats: Repeats::default(),
        told: Repeats::default(),
        held: Arc::new(move || hold.is_held()),
        beat: Box::new(move || beat.beat()),
    }
}

/// How the intake treats its connections, for which there are these places.
pub(super) fn intake_limits(settings: &Settings, places: Places) -> Limits {
    Limits {
        listener: Listener::Intake,
        max_connections: places.intake,
        header_timeout: settings.intake.header_timeout,
        idle_timeout: settings.intake.idle_timeout,
        grace: INTAKE_DRAIN,
    }
}

fn tell_of_the_stop(outcome: &Result<(), Failure>, calls: u32) {
    match outcome {
        Ok(()) => {
            info!(calls, "Stopping: no new webhooks are accepted, calls in flight are finished")
        }
        Err(failure) => error!(
            error = %failure,
            "Stopping because of a failure: {failure}"
        ),
    }
}

/// A second request to stop reaches the parts that stop later, too.
fn pass_on_hurry(shutdown: &Shutdown, stopped: &Shutdown) -> JoinHandle<()> {
    let (shutdown, stopped) = (shutdown.clone(), stopped.clone());
    tokio::spawn(async move {
        shutdown.hurried().await;
        stopped.hurry();
    })
}

/// A part that panicked must not keep the others from an orderly end.
async fn joined(part: &str, handle: JoinHandle<()>) {
    if let Err(error) = handle.await {
        warn!(part, %error, "The {part} panicked");
    }
}
