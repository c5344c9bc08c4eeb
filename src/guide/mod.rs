//! The guide: what this crate does, a chapter a subject. There is no code in this module.
//!
//! Each chapter can be read alone. Every example in it asserts, and is run by the tests.
//!
//! | | chapter | answers |
//! | --- | --- | --- |
//! | | **A stream** | |
//! | 1 | [Hello](hello) | How do two threads share a bounded buffer? What is a pipeline? |
//! | 2 | [Choosing marks](marks) | How large should a buffer be, and how much memory is that? |
//! | 3 | [Drain](drain) | When does a writer wait, and when does it go on? |
//! | 4 | [Ending, failing, destroying](endings) | How does a stream end, and what does the other side see? |
//! | 5 | [Errors and first causes](errors) | What does an error tell, and which of several do I get? |
//! | | **Many streams** | |
//! | 6 | [Transforms](transforms) | How do I change what flows? |
//! | 7 | [Fan-out](fan_out) | How do I write one stream to several places, or read several as one? |
//! | 8 | [Pipelines and reports](pipelines) | Which method does what, and where did the time go? |
//! | 9 | [Cancelling and timeouts](cancelling) | How do I end a call that blocks? |
//! | | **What streams are made of** | |
//! | 10 | [Files](files) | Reading, writing, standard streams, copies in the kernel |
//! | 11 | [Sockets](sockets) | Connecting, serving, half-close, relays, TLS |
//! | 12 | [Processes](processes) | A child process as a source, a sink or a stage |
//! | 13 | [HTTP](http) | Request bodies that are read, response bodies that are written |
//! | | **How it works** | |
//! | 14 | [Which thread runs what](threads) | Which calls start a thread, and when does it end? |
//! | 15 | [The memory formula](memory) | What is the most that a program can hold? |
//! | 16 | [Limits](limits) | What is bounded by default, and how do I change it? |
//! | 17 | [Testing your own stages](testing) | How do I test a source, a sink or a transform? |
//! | | **Coming from elsewhere** | |
//! | 18 | [Coming from Node](from_node) | What is Node's `createReadStream` called here, and what differs? |
//! | 19 | [Coming from channels](from_channels) | When is a channel of std or crossbeam the better choice? |
//! | 20 | [Coming from tokio](from_tokio) | When is tokio the better choice? |
//! | | **Using it** | |
//! | 21 | [Crate features](features) | What can be left out? |
//! | 22 | [Platforms](platforms) | Where does it run, and what is missing there? |
//! | 23 | [Ctrl-C](ctrl_c) | How do I end cleanly on a signal? |
//! | 24 | [The examples](examples) | Which example program shows what? |

pub mod cancelling;
pub mod ctrl_c;
pub mod drain;
pub mod endings;
pub mod errors;
pub mod examples;
pub mod fan_out;
pub mod features;
pub mod from_channels;
pub mod from_node;
pub mod from_tokio;
pub mod hello;
pub mod limits;
pub mod marks;
pub mod memory;
pub mod pipelines;
pub mod platforms;
pub mod testing;
pub mod threads;
pub mod transforms;

// Every example of these needs a Unix, or a feature.
#[cfg(unix)]
pub mod files;
#[cfg(all(unix, feature = "http"))]
pub mod http;
#[cfg(all(unix, feature = "process"))]
pub mod processes;
#[cfg(all(unix, feature = "net"))]
pub mod sockets;
