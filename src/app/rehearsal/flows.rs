//! Plays flows: of every shipped profile for `check`, or one over a user's own tables for `rehearse`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::instance::Instance;
use super::player::{Delays, Player, Tables};
use super::{Scripted, Story, judge, play};
use crate::app::files;
use crate::awa::wire::ApiVersion;
use crate::clock::millis;
use crate::config::{Problems, Settings};
use crate::problem::Problem;
use crate::routing::{Directory, ReasonRow};
use crate::sandbox::world::sys_id_of;
use crate::sandbox::{Switches, World};
use crate::source::flows::{self, Also, Flow};
use crate::source::samples::{RECEIVED_AT, unsigned};
use crate::source::{Profile, Source};

/// What a flow is played over.
pub(crate) struct Scenario {
    pub(crate) profile: Arc<Profile>,
    /// Options of the source, below those of the flow.
    pub(crate) options: Map<String, Value>,
    /// What holds for a flow without settings of its own.
    pub(crate) settings: Settings,
    /// Where they come from, for flows whose sections are laid over them.
    pub(crate) configuration: Configuration,
    /// What the flow's queues, agents and reject reasons are looked up in first.
    pub(crate) directory: Directory,
    /// The instance.
    pub(crate) world: World,
    /// The folder with other profiles.
    pub(crate) mappings: PathBuf,
}

/// What the flow's settings are laid over.
#[derive(Debug, Clone)]
pub(crate) enum Configuration {
    /// What is compiled in.
    Defaults,
    /// That file, if any, and the environment.
    File(Option<PathBuf>),
}

impl Configuration {
    #[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
    fn with(&self, sections: &Map<String, Value>) -> Result<Settings, Problems> {
        match self {
            Self::Defaults => Settings::defaults_with(sections),
            Self::File(file) => Settings::load_with(file.clone(), sections),
        }
    }
}

/// Plays a flow and judges how it ended; what is not as expected is a fault of the story.
///
/// # Errors
/// Everything about the flow that cannot be played: its options, settings, switches or profiles are none.
pub(crate) fn play_flow(scenario: &Scenario, flow: &Flow) -> Result<Story, Vec<Problem>> {
    play_flow_as(scenario, flow, |script| script)
}

/// The same with its script changed.
pub(super) fn play_flow_as(
    scenario: &Scenario,
    flow: &Flow,
    change: impl FnOnce(Vec<Scripted>) -> Vec<Scripted>,
) -> Result<Story, Vec<Problem>> {
    let mut problems = Vec::new();
    let of_flow = |message: String| Problem::in_file(&flow.file, message);
    let own = (!flow.settings.is_empty()).then(|| scenario.configuration.with(&flow.settings));
    let settings = own.unwrap_or_else(|| Ok(scenario.settings.clone())).map_err(|found| {
        found.iter().map(|problem| of_flow(format!("settings: {problem}"))).collect::<Vec<_>>()
    });
    let settings = settings.map_err(|found| problems.extend(found)).ok();
    let switches = switches(&flow.needs).map_err(|text| problems.push(of_flow(text))).ok();
    let sources = sources(scenario, flow).map_err(|found| problems.extend(found)).ok();
    let (Some(settings), Some(switches), Some(sources)) = (settings, switches, sources) else {
        return Err(problems);
    };
    let mut world = scenario.world.clone();
    world.switches = switches;
    let player = player(scenario, flow, &settings, world);
    let mut story = play(player, change(script(flow, &sources)));
    story.faults.extend(judge::differences(&flow.expect, &story));
    Ok(story)
}

/// Plays all flows of a profile's folder, over defaults alone; how many there are, or what is wrong with which.
///
/// # Errors
/// Every flow that cannot be read or does not end as it says.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(crate) fn play_profile(folder: &Path, mappings: &Path) -> Result<usize, Vec<Problem>> {
    let flows = flows::load(folder)?;
    if flows.is_empty() {
        return Ok(0);
    }
    let scenario = scenario_of(folder, mappings)?;
    let mut problems = Vec::new();
    for flow in &flows {
        match play_flow(&scenario, flow) {
            Ok(story) => problems
                .extend(story.faults.into_iter().map(|fault| Problem::in_file(&flow.file, fault))),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(flows.len()) } else { Err(problems) }
}

/// A folder's profile over the compiled-in defaults.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn scenario_of(folder: &Path, mappings: &Path) -> Result<Scenario, Vec<Problem>> {
    scenario(Arc::new(Profile::load(folder)?), mappings)
}

/// A profile over the compiled-in defaults.
///
/// # Errors
/// The defaults are none, which no release has.
pub(crate) fn scenario(profile: Arc<Profile>, mappings: &Path) -> Result<Scenario, Vec<Problem>> {
    let settings = Configuration::Defaults.with(&Map::new()).map_err(|found| {
        found.iter().map(|problem| Problem::unplaced(problem.to_string())).collect::<Vec<_>>()
    })?;
    Ok(Scenario {
        settings,
        profile,
        options: Map::new(),
        configuration: Configuration::Defaults,
        directory: Directory::default(),
        world: World::empty(),
        mappings: mappings.to_owned(),
    })
}

/// The sandbox's switches with those that the flow needs.
fn switches(needs: &Map<String, Value>) -> Result<Switches, String> {
    let mut switches =
        serde_json::to_value(Switches::permissive()).map_err(|error| error.to_string())?;
    for (switch, value) in needs {
        switches[switch.as_str()] = value.clone();
    }
    serde_json::from_value(switches).map_err(|error| format!("needs: {error}"))
}

/// The source of the flow, and that of every other profile which its steps name.
#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn sources(
    scenario: &Scenario,
    flow: &Flow,
) -> Result<BTreeMap<Option<String>, Arc<Source>>, Vec<Problem>> {
    let mut sources = BTreeMap::new();
    let mut problems = Vec::new();
    let mut add = |key: Option<String>, built: Result<Source, Vec<Problem>>| match built {
        Ok(source) => drop(sources.insert(key, Arc::new(source))),
        Err(found) => problems.extend(
            found.into_iter().map(|problem| Problem { file: flow.file.clone(), ..problem }),
        ),
    };
    let mut options = scenario.options.clone();
    options.extend(flow.options.clone());
    add(None, unsigned(&scenario.profile, &flow.source, &options));
    let mut others: Vec<&String> =
        flow.steps.iter().filter_map(|step| step.profile.as_ref()).collect();
    others.sort();
    others.dedup();
    for vendor in others {
        let profile = files::profile(&scenario.mappings.join("vendors").join(vendor), vendor);
        let built = profile.and_then(|profile| unsigned(&Arc::new(profile), vendor, &Map::new()));
        add(Some(vendor.clone()), built);
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// The tables completed by what the flow needs: a default reject reason, queues by their own ids, all agents.
fn player(scenario: &Scenario, flow: &Flow, settings: &Settings, mut world: World) -> Player {
    let mut directory = scenario.directory.clone().passing_queues_through();
    let reason = sys_id_of("reject reason *");
    if directory.add_reason("*".to_owned(), ReasonRow::SysId(reason)) {
        world.seed_reason(reason);
    }
    let rules = settings.rules(Arc::new(directory));
    let version = ApiVersion::new(settings.servicenow.api_version);
    let instance = Instance::new(world, channels(settings), version);
    let mut player = Player::new(rules, Tables::Completed, delays(settings), instance, RECEIVED_AT);
    let acting = flow.steps.iter().filter_map(|step| {
        let (Also::AgentAccepts(agent) | Also::AgentRejects(agent) | Also::CardTimesOut(agent)) =
            step.also.as_ref()?;
        Some(agent)
    });
    for agent in acting.chain(flow.expect.cards.iter().map(|card| &card.agent)) {
        player.add_agent(agent);
    }
    player
}

/// The delays between tries, in milliseconds.
pub(super) fn delays(settings: &Settings) -> Delays {
    Delays { initial: millis(settings.retry.initial), max: millis(settings.retry.max) }
}

/// The contact centre's names of channels.
pub(super) fn channels(settings: &Settings) -> HashMap<String, String> {
    let channels = settings.servicenow.channels.iter();
    channels.map(|(channel, sys_id)| (channel.clone(), sys_id.to_string())).collect()
}

fn script(flow: &Flow, sources: &BTreeMap<Option<String>, Arc<Source>>) -> Vec<Scripted> {
    flow.steps
        .iter()
        .enumerate()
        .map(|(n, step)| {
            let at = RECEIVED_AT.plus(step.at);
            let request = sources.get(&step.profile).and_then(|source| {
                let path = format!("/webhooks/{}", source.name());
                Some((Arc::clone(source), step.request(source.profile(), &path, at)?))
            });
            Scripted { at, name: format!("step {}", n + 1), request, also: step.also.clone() }
        })
        .collect()
}
