//! The herder of a group of workers that share connectors through Kafka, Java workers among them.
//!
//! Four parts are pure: no IO, no clock, no tokio. `protocol` is the bytes of the group's protocol, `assignor` what
//! the leader computes, `unknown` the check before joining, `machine` what a worker does. IO belongs to `stores` (the three
//! topics), to the Kafka crate (membership), and to the driver, which brings them together: `driver` with `member` (the group),
//! `fencing` (exactly once), `tasks` (what runs here), `requests` (who waits for an answer) and `peer` (other workers' REST); `herder` is what REST talks to.
//! `visitor` is for who is no member: it reads the group's topics and changes offsets.
//!
//! # Driving the machine
//!
//! One task owns the [`Machine`](machine::Machine). It waits for whatever comes first of the sources below, or until
//! [`next`](machine::Machine::next), turns it into an [`Event`](machine::Event), and begins each
//! [`Action`](machine::Action) that comes out, in order, without waiting for its end: what an action brings is an event again.
//!
//! - **Before**: open the stores, check the connectors' classes (`unknown::check`), then hand in
//!   `Event::Configs(store.state(), Changes::default())`: the first one makes the worker join.
//! - **Group**: `Join` is answered by `Joined`, at whatever time the coordinator has all members; a later `Join` takes the place
//!   of one under way. `Sync` is answered by `Synced` with the generation of that `Joined`. While the generation lasts the driver
//!   beats; an answer that says so is `Rebalancing` or `Fenced`. `Fenced` (the coordinator answers, and does not know the
//!   member) and `CoordinatorLost` (nobody answers) differ: a fenced worker keeps its work, which stays unassigned for
//!   `scheduled.rebalance.max.delay.ms`; taking the one for the other stops tasks for as long. After `Leave`, and after
//!   `Fenced`, the member id is void.
//! - **Config topic**: each time the store has changes, `Configs`. `Refresh` is answered by `Refreshed`, in time or with none.
//!   `Write` is answered by `Written` after the `Configs` that the write itself brings. A session key's bytes are made by
//!   the driver.
//! - **Statuses**: the machine says what; the driver adds worker id and version. `safe` is `StatusStore::put_safe`.
//! - **Connectors** have no life of their own: `Plan` asks for their tasks' configurations. It is answered by `Planned`,
//!   in any order; answers to plans that were superseded do no harm. A plan that panics or lasts too long is a failed one.
//! - **Tasks**: `Start` finds its configuration in `configs()`. A task says `Task` when its state changes, and when there is more to say of it (`pipeline::Trouble`, which the driver adds). Each `Stop` is answered by
//!   one `Stopped`, also if the task had ended by itself; one that does not stop in time is cancelled and then has stopped:
//!   the group waits for it.
//! - **Requests**: `Answer` with `Done::Proceed` lets the driver read, merge a patch, or change offsets from `configs()` as it is at
//!   that moment. `Forward` sends the request on, signed where it has to be. A request of another worker is verified against
//!   `configs().session_key` while `sessioned()`, before it becomes an event. Statuses need no event: they are read
//!   from the store.
//! - **End**: `Shutdown`, then go on until `Ended`.

pub mod assignor;
mod driver;
mod fencing;
mod herder;
pub mod machine;
mod member;
pub mod peer;
pub mod protocol;
mod requests;
mod shared;
mod tasks;
pub mod unknown;
pub mod visitor;

pub use fencing::Fencing;
pub use herder::{DistributedHerder, Start};
pub use shared::LogLevel;
use shared::Shared;
