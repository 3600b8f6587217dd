//! The same tests over the database of the model (see `cluster`): what it answers is what the engines of production
//! answer. So what the model says of several nodes it says of a database that behaves as theirs.
//!
//! A folder stands for a database. Its clock is the test's; what a test finds there after a restart is made of its
//! rows.

use std::collections::HashMap;
use std::process::Command;

use super::cluster::over_memory;
use super::*;

pub(super) use super::cluster::Memories;

/// Set for the process that runs the tests over the model: a folder that gets a file for each database.
const MADE: &str = "STORE_TESTS_OVER_THE_MODEL";

/// The databases of this process, by the folders that stand for them.
static DATABASES: Mutex<Option<HashMap<PathBuf, Memories>>> = Mutex::new(None);

/// The database that stands for a folder; none where the tests run over another engine.
fn of_folder(path: &Path) -> Option<Memories> {
    let made = std::env::var_os(MADE)?;
    let mut databases = DATABASES.lock().unwrap();
    let database = databases.get_or_insert_default().entry(path.to_owned()).or_insert_with(|| {
        let name = path.parent().and_then(Path::file_name).unwrap_or_default();
        std::fs::write(Path::new(&made).join(name), b"").unwrap();
        Memories::default()
    });
    Some(database.clone())
}

/// Opens a store over the engine for which the tests run.
pub(super) fn opened(
    settings: Settings,
    rules: Arc<dyn RulesFor>,
    now: fn() -> UnixMillis,
) -> Result<Store, OpenError> {
    let Some(memories) = of_folder(&settings.path) else {
        return Store::open(settings, rules, now);
    };
    let shared = Arc::new(Shared::new(Arc::default(), settings.limits));
    let outside = Outside { rules, now, tell: Arc::clone(&settings.tell) };
    let space = SpaceWatch::new(&settings.path, settings.free_space_floor);
    let kept = [settings.retention_ms, settings.body_retention_ms];
    let (engine, reader) = over_memory(&memories, kept);
    let mut writer = Writer::new(engine, Arc::clone(&shared), outside, space);
    writer.begin();
    let opened = (writer, shared, reader);
    Store::start(opened, true, settings.commit_timeout, &settings.path, Some(PATIENCE))
}

/// Copies what one folder's database holds into another's, as it is at one moment; false over another engine.
pub(super) fn copied(from: &Path, to: &Path) -> bool {
    let (Some(from), Some(to)) = (of_folder(from), of_folder(to)) else { return false };
    to.take_from(&from);
    true
}

#[test]
fn the_store_keeps_its_promises_over_the_model() {
    let made = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().expect("the test's own program");
    let tests = Command::new(program)
        .args(["store::tests::", "--skip", "over_postgresql", "--skip", "over_the_model"])
        .args(["--test-threads", "4"])
        .args(postgres::EMBEDDED.iter().flat_map(|name| ["--skip", name]))
        .env(MADE, made.path())
        .output()
        .expect("it can be run");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stdout));
    let databases = made.path().read_dir().unwrap().count();
    assert!(databases >= 60, "{databases} stores");
}
