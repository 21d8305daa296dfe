//! Errors. Each names the plugin, or the file where there is no name yet.

use std::path::PathBuf;

/// The reason why a plugin cannot be loaded or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a shared object that can be loaded.
    #[error("cannot load plugin {path}: {reason}", path = .path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// The reason of the dynamic linker.
        reason: String,
    },
    /// A function that every plugin has, or one that its capability requires, is missing.
    #[error("plugin {path} does not export `{symbol}`, which {needed_for}", path = .path.display())]
    MissingSymbol {
        /// The file.
        path: PathBuf,
        /// The name of the function.
        symbol: &'static str,
        /// The capability that requires it.
        needed_for: &'static str,
    },
    /// A function that describes the plugin returned nothing, or something invalid.
    #[error("plugin {plugin}: `{symbol}` returned {reason}")]
    Description {
        /// The name of the plugin, or its file.
        plugin: String,
        /// The name of the function.
        symbol: &'static str,
        /// Description of what is invalid.
        reason: String,
    },
    /// It was built for a version of the plugin interface that is not supported.
    #[error("plugin {plugin} requires version {required} of the plugin interface; {supported} is supported")]
    ApiVersion {
        /// The name of the plugin.
        plugin: String,
        /// The version that it requires.
        required: String,
        /// The version that is supported.
        supported: String,
    },
    /// It looks at system calls, and was built for a version of their schema that is not supported.
    #[error(
        "plugin {plugin} requires version {required} of the schema of system calls; {supported} is supported \
         (a plugin that declares no version requires 3.0.0)"
    )]
    SchemaVersion {
        /// The name of the plugin.
        plugin: String,
        /// The version that it requires.
        required: String,
        /// The version that is supported.
        supported: String,
    },
    /// It exports none of the capabilities.
    #[error("plugin {plugin} has no capability: it provides neither events nor fields, and parses nothing")]
    NoCapability {
        /// The name of the plugin.
        plugin: String,
    },
    /// The configuration of a plugin is invalid.
    #[error("plugin {plugin}: invalid {setting}: {reason}")]
    Config {
        /// The name of the plugin.
        plugin: String,
        /// The setting: `init_config` or `open_params`.
        setting: &'static str,
        /// Description of what is invalid.
        reason: String,
    },
    /// A call of the plugin failed.
    #[error("plugin {plugin}: `{call}` failed: {message}")]
    Call {
        /// The name of the plugin.
        plugin: String,
        /// The function.
        call: &'static str,
        /// The plugin's last error.
        message: String,
    },
    /// The plugin returned an event that is not one of its source.
    #[error("plugin {plugin}: invalid event: {reason}")]
    Event {
        /// The name of the plugin.
        plugin: String,
        /// Description of what is invalid.
        reason: String,
    },
    /// Two plugins, or a plugin and this program, provide the same thing.
    #[error("plugin {plugin}: {what} `{name}` is provided by {other} already")]
    Clash {
        /// The name of the plugin that was loaded later.
        plugin: String,
        /// Its kind: an event source, an id, a field.
        what: &'static str,
        /// Its name.
        name: String,
        /// The other provider.
        other: String,
    },
    /// A plugin that neither provides events nor extracts fields of any source.
    #[error("plugin {plugin} is not used: none of the event sources is compatible with it")]
    Unused {
        /// The name of the plugin.
        plugin: String,
    },
    /// The event was made by plugins other than those of the rules.
    #[error("the event comes from plugins other than those that the rules were compiled with")]
    ForeignEvent,
}
