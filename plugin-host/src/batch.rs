//! The events of a plugin as it yields them: an instance of its source, and a batch at a time.

use falco_plugin_api::{
    ss_instance_t, ss_plugin_event, ss_plugin_rc, ss_plugin_rc_SS_PLUGIN_EOF, ss_plugin_rc_SS_PLUGIN_SUCCESS,
    ss_plugin_rc_SS_PLUGIN_TIMEOUT,
};

use crate::calls::Function;
use crate::error::Error;
use crate::plugin::{Plugin, text};

/// The most events that are read from one batch.
const LARGEST: u32 = 1 << 20;

/// Events that a plugin returned. They belong to the plugin until its next batch.
pub(crate) struct Batch {
    events: *mut *mut ss_plugin_event,
    count: usize,
    next: usize,
}

impl Batch {
    pub(crate) const EMPTY: Self = Self { events: std::ptr::null_mut(), count: 0, next: 0 };

    /// Requests a batch, which is empty if there is no event now; `None` at the end.
    pub(crate) fn request(plugin: &Plugin, instance: *mut ss_instance_t) -> Result<Option<Self>, Error> {
        let Some(next_batch) = plugin.library().api().__bindgen_anon_1.next_batch else { return Ok(None) };
        let (mut count, mut events) = (0_u32, std::ptr::null_mut());
        let call = plugin.call(Function::NextBatch);
        // SAFETY: state and instance are those of this plugin, which writes to the two variables.
        let rc = unsafe { next_batch(plugin.state(), instance, &raw mut count, &raw mut events) };
        drop(call);
        if ![ss_plugin_rc_SS_PLUGIN_SUCCESS, ss_plugin_rc_SS_PLUGIN_TIMEOUT, ss_plugin_rc_SS_PLUGIN_EOF].contains(&rc) {
            return Err(plugin.failed("plugin_next_batch"));
        }
        if count == 0 || rc == ss_plugin_rc_SS_PLUGIN_TIMEOUT {
            return Ok((rc != ss_plugin_rc_SS_PLUGIN_EOF).then_some(Self::EMPTY));
        }
        if events.is_null() || count > LARGEST {
            let reason = format!("a batch of {count} events{}", if events.is_null() { ", which is null" } else { "" });
            return Err(Error::Event { plugin: plugin.info().name.clone(), reason });
        }
        Ok(Some(Self { events, count: count as usize, next: 0 }))
    }

    /// Returns the next event, which may be null or anything; `None` if there are no more.
    #[inline]
    pub(crate) fn peek(&self) -> Option<*mut ss_plugin_event> {
        // SAFETY: the place is below the length of the array, which is the plugin's until the next batch.
        (self.next < self.count).then(|| unsafe { *self.events.add(self.next) })
    }

    /// Goes on behind that event.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.next += 1;
    }
}

/// Opens the source of a plugin.
pub(crate) fn open(plugin: &Plugin, params: &str) -> Result<*mut ss_instance_t, Error> {
    let params = text(&plugin.info().name, "open_params", params)?;
    let mut rc: ss_plugin_rc = ss_plugin_rc_SS_PLUGIN_SUCCESS;
    let call = plugin.call(Function::Open);
    // SAFETY: the state is that of this plugin, the text lives until the call returns, and the presence of the function
    // was checked when the library was loaded.
    let open =
        |open: unsafe extern "C-unwind" fn(_, _, _) -> _| unsafe { open(plugin.state(), params.as_ptr(), &raw mut rc) };
    let instance = plugin.library().api().__bindgen_anon_1.open.map_or(std::ptr::null_mut(), open);
    drop(call);
    if rc == ss_plugin_rc_SS_PLUGIN_SUCCESS { Ok(instance) } else { Err(plugin.failed("plugin_open")) }
}

/// Closes it.
pub(crate) fn close(plugin: &Plugin, instance: *mut ss_instance_t) {
    if let Some(close) = plugin.library().api().__bindgen_anon_1.close
        && !instance.is_null()
    {
        let _call = plugin.call(Function::Close);
        // SAFETY: state and instance are those of this plugin, and the instance is not used any more.
        unsafe { close(plugin.state(), instance) };
    }
}
