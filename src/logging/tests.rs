use super::*;

#[test]
fn a_second_start_shares_the_log_and_takes_the_new_filter() {
    let first = Logging::init(LogFormat::Json, "warn").unwrap();
    Logging::init(LogFormat::Pretty, "error").unwrap();

    assert!(!tracing::enabled!(tracing::Level::WARN));
    first.set_filter("info,awa_bridge=debug").unwrap();
    assert!(tracing::enabled!(tracing::Level::DEBUG));
    first.set_filter("off").unwrap();
}

#[test]
fn a_filter_that_is_none_is_refused_with_its_own_words() {
    let refused = parse("info,awa_bridge=loud").err().unwrap();
    assert!(refused.to_string().contains("awa_bridge=loud"), "{refused}");
    for misspelt in ["inof", "information", "infoo,awa_bridge=warn"] {
        assert!(parse(misspelt).is_err(), "{misspelt} would silence the log");
    }
    for level in ["error", "WARN", "info,awa_bridge::awa=debug", "off", "info,[{source}]=debug"] {
        assert!(parse(level).is_ok(), "{level}");
    }
}

#[test]
fn a_format_is_json_or_pretty() {
    assert_eq!("json".parse(), Ok(LogFormat::Json));
    assert_eq!("pretty".parse(), Ok(LogFormat::Pretty));
    assert_eq!("xml".parse::<LogFormat>(), Err(LogError::Format("xml".to_owned())));
}

#[test]
fn a_timestamp_is_utc_with_milliseconds() {
    let mut text = String::new();
    UtcMillis.format_time(&mut Writer::new(&mut text)).unwrap();
    let bytes = text.as_bytes();
    assert_eq!((bytes.len(), bytes[19], bytes[23]), (24, b'.', b'Z'), "{text}");
}
