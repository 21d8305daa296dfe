//! Events about the capture itself: drops, plugin and asynchronous events, containers, users that appear or vanish.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    148 DROP_E drop_e = "drop" [INTERNAL | METAEVENT] {SKIPPARSERESET} (ratio: UInt32 dec)
    149 DROP_X drop_x = "drop" [INTERNAL | METAEVENT] {SKIPPARSERESET} (ratio: UInt32 dec)
    196 SCAPEVENT_E scapevent_e = "scapevent" [INTERNAL | METAEVENT] {SKIPPARSERESET} (
        event_type: UInt32 dec, event_data: UInt64 dec,
    )
    197 SCAPEVENT_X scapevent_x = "NA" [UNKNOWN] {UNUSED} ()
    234 PROCINFO_E procinfo_e = "procinfo" [INTERNAL | METAEVENT] {SKIPPARSERESET} (
        cpu_usr: UInt64 dec, cpu_sys: UInt64 dec,
    )
    235 PROCINFO_X procinfo_x = "NA" [UNKNOWN] {UNUSED} ()
    244 CPU_HOTPLUG_E cpu_hotplug_e = "cpu_hotplug" [SYSTEM | METAEVENT] {MODIFIES_STATE | SKIPPARSERESET} (
        cpu: UInt32 dec, action: UInt32 dec,
    )
    245 CPU_HOTPLUG_X cpu_hotplug_x = "NA" [UNKNOWN] {UNUSED} ()
    280 NOTIFICATION_E notification_e = "notification" [OTHER | METAEVENT] {SKIPPARSERESET} (
        id: CharBuf dec, desc: CharBuf na,
    )
    281 NOTIFICATION_X notification_x = "NA" [UNKNOWN] {UNUSED} ()
    286 INFRASTRUCTURE_EVENT_E infrastructure_event_e = "infra" [INTERNAL | METAEVENT] {SKIPPARSERESET} (
        source: CharBuf dec, name: CharBuf na, description: CharBuf na, scope: CharBuf na,
    )
    287 INFRASTRUCTURE_EVENT_X infrastructure_event_x = "NA" [UNKNOWN] {UNUSED} ()
    322 PLUGINEVENT_E pluginevent_e = "pluginevent" [OTHER | PLUGIN] {LARGE_PAYLOAD} (
        plugin_id: UInt32 dec, event_data: ByteBuf na,
    )
    323 PLUGINEVENT_X pluginevent_x = "NA" [UNKNOWN] {UNUSED} ()
    324 CONTAINER_JSON_2_E container_json_2_e = "container" [PROCESS | METAEVENT] {MODIFIES_STATE | LARGE_PAYLOAD} (
        json: CharBuf na,
    )
    325 CONTAINER_JSON_2_X container_json_2_x = "NA" [UNKNOWN] {UNUSED} ()
    354 USER_ADDED_E user_added_e = "useradded" [PROCESS | METAEVENT] {MODIFIES_STATE} (
        uid: UInt32 dec, gid: UInt32 dec, name: CharBuf na, home: CharBuf na, shell: CharBuf na,
        container_id: CharBuf na,
    )
    355 USER_ADDED_X user_added_x = "NA" [UNKNOWN] {UNUSED} ()
    356 USER_DELETED_E user_deleted_e = "userdeleted" [PROCESS | METAEVENT] {MODIFIES_STATE} (
        uid: UInt32 dec, gid: UInt32 dec, name: CharBuf na, home: CharBuf na, shell: CharBuf na,
        container_id: CharBuf na,
    )
    357 USER_DELETED_X user_deleted_x = "NA" [UNKNOWN] {UNUSED} ()
    358 GROUP_ADDED_E group_added_e = "groupadded" [PROCESS | METAEVENT] {MODIFIES_STATE} (
        gid: UInt32 dec, name: CharBuf na, container_id: CharBuf na,
    )
    359 GROUP_ADDED_X group_added_x = "NA" [UNKNOWN] {UNUSED} ()
    360 GROUP_DELETED_E group_deleted_e = "groupdeleted" [PROCESS | METAEVENT] {MODIFIES_STATE} (
        gid: UInt32 dec, name: CharBuf na, container_id: CharBuf na,
    )
    361 GROUP_DELETED_X group_deleted_x = "NA" [UNKNOWN] {UNUSED} ()
    402 ASYNCEVENT_E asyncevent_e = "asyncevent" [OTHER | METAEVENT] {LARGE_PAYLOAD} (
        plugin_id: UInt32 dec, name: CharBuf na, data: ByteBuf na,
    )
    403 ASYNCEVENT_X asyncevent_x = "NA" [UNKNOWN] {UNUSED} ()
}
