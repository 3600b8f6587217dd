//! Plays a user's own requests, or a flow, with their configuration and tables.

use std::path::PathBuf;
use std::sync::Arc;

use super::flows::{Configuration, channels, delays};
use super::instance::Instance;
use super::player::{Player, Tables};
use super::{Scenario, Scripted, Story, play, play_flow};
use crate::app::files::{self, Files};
use crate::app::inputs::{Kind, kind_of, raw_request};
use crate::app::sandbox_world;
use crate::awa::wire::ApiVersion;
use crate::config::Settings;
use crate::problem::Problem;
use crate::routing::UnixMillis;
use crate::sandbox::{Switches, World};
use crate::source::flows::Flow;
use crate::source::samples::{RECEIVED_AT, Sample};
use crate::source::{Reading, Source};

/// How far apart requests are that do not say when they happened, in milliseconds.
const APART: u64 = 1_000;

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) file: PathBuf,
    pub(crate) body: Vec<u8>,
}

/// One call that was played.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// The flow's file and description; none for requests.
    pub(crate) flow: Option<(PathBuf, String)>,
    pub(crate) story: Story,
}

/// Plays the requests in their order as one call, or each flow as a call of its own.
///
/// # Errors
/// Everything that keeps it from being played: an unknown source, a file that is wrong, requests and flows mixed.
pub(crate) fn rehearse(
    settings: &Settings,
    files: &Files,
    source: &str,
    inputs: Vec<Input>,
) -> Result<Vec<Rehearsed>, Vec<Problem>> {
    let source = files.source(source).map_err(|text| vec![Problem::unplaced(text)])?;
    let (mut requests, mut flows) = (Vec::new(), Vec::new());
    for Input { file, body } in inputs {
        match kind_of(&file, &body).map_err(|problem| vec![problem])? {
            Kind::Flow(flow) => flows.push(*flow),
            Kind::Sample(sample) => requests.push(Asked::Sample(file, sample)),
            Kind::Body => requests.push(Asked::Body(file, body)),
        }
    }
    match (requests.is_empty(), flows.is_empty()) {
        (_, true) => {
            let story = play_requests(settings, files, source, &requests);
            Ok(vec![Rehearsed { flow: None, story }])
        }
        (true, false) => play_flows(settings, files, source, &flows),
        (false, false) => {
            let text = "flows and requests cannot be played together: a flow is a call of its own";
            Err(vec![Problem::unplaced(text)])
        }
    }
}

enum Asked {
    Sample(PathBuf, Box<Sample>),
    Body(PathBuf, Vec<u8>),
}

impl Asked {
    fn request(&self, source: &Source, at: UnixMillis) -> crate::source::Request {
        let path = format!("/webhooks/{}", source.name());
        match self {
            Self::Sample(_, sample) => sample.request(source.profile(), &path, at),
            Self::Body(_, body) => raw_request(source, body.clone(), at),
        }
    }

    fn name(&self) -> String {
        let (Self::Sample(file, _) | Self::Body(file, _)) = self;
        file.display().to_string()
    }

    /// The latest moment that its events tell of themselves.
    fn own_moment(&self, source: &Source) -> Option<UnixMillis> {
        let readings = source.read(&self.request(source, RECEIVED_AT)).ok()?;
        let moments = readings.into_iter().filter_map(|reading| match reading {
            Reading::Event(event) => Some(event.occurred_at),
            Reading::Unreadable(_) | Reading::Ignored { .. } | Reading::Unknown { .. } => None,
        });
        // A moment that is missing is that of the receipt.
        moments.filter(|at| *at != RECEIVED_AT).max()
    }
}

fn play_requests(
    settings: &Settings,
    files: &Files,
    source: &Arc<Source>,
    requests: &[Asked],
) -> Story {
    let moments = moments(requests.iter().map(|asked| asked.own_moment(source)).collect());
    let start = moments.first().copied().unwrap_or(RECEIVED_AT);
    let script = requests.iter().zip(moments).map(|(asked, at)| Scripted {
        at,
        name: asked.name(),
        request: Some((Arc::clone(source), asked.request(source, at))),
        also: None,
    });
    let directory = files.directories.get(source.contact_center()).cloned().unwrap_or_default();
    let rules = settings.rules(directory);
    let version = ApiVersion::new(settings.servicenow.api_version);
    let instance = Instance::new(world(files), channels(settings), version);
    let player = Player::new(rules, Tables::Given, delays(settings), instance, start);
    play(player, script.collect())
}

/// An instance that has what the tables name; documents, and queues that are passed through, come into being.
fn world(files: &Files) -> World {
    let mut world = sandbox_world(World::empty(), files);
    world.switches = Switches::permissive();
    world
}

/// When each request comes in: at its own moment where it has one that is not before the one in front of it, else a
/// second later than that.
fn moments(own: Vec<Option<UnixMillis>>) -> Vec<UnixMillis> {
    let known = own.iter().enumerate().find_map(|(n, at)| Some((n, (*at)?)));
    let start = known.map_or(RECEIVED_AT, |(n, at)| at.minus(n as u64 * APART));
    let mut moments: Vec<UnixMillis> = Vec::with_capacity(own.len());
    for at in own {
        let before = moments.last().copied();
        let next = before.map_or(start, |before| before.plus(APART));
        moments.push(at.filter(|at| before.is_none_or(|before| *at >= before)).unwrap_or(next));
    }
    moments
}

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn play_flows(
    settings: &Settings,
    files: &Files,
    source: &Arc<Source>,
    flows: &[Flow],
) -> Result<Vec<Rehearsed>, Vec<Problem>> {
    let configured = settings.sources.get(&**source.name());
    let vendor = source.profile().vendor().to_owned();
    let folder = settings.mappings.join("vendors").join(&vendor);
    let directory = files.directories.get(source.contact_center()).cloned().unwrap_or_default();
    let scenario = Scenario {
        profile: Arc::new(files::profile(&folder, &vendor)?),
        options: configured.map(|source| source.options.clone()).unwrap_or_default(),
        settings: settings.clone(),
        configuration: Configuration::File(settings.file.clone()),
        directory: (*directory).clone(),
        world: world(files),
        mappings: settings.mappings.clone(),
    };
    let mut played = Vec::new();
    let mut problems = Vec::new();
    for flow in flows {
        match play_flow(&scenario, flow) {
            Ok(story) => played.push(Rehearsed {
                flow: Some((flow.file.clone(), flow.description.clone())),
                story,
            }),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(played) } else { Err(problems) }
}
