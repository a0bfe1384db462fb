//! The names of the elements that are read of WeCom's XML.

use countersign_xml::{Name, Names};

macro_rules! names {
    (
        once { $($once:ident = $once_text:literal,)* }
        once, and not looked for { $($unread:literal,)* }
        lists { $($list:ident = $list_text:literal,)* }
    ) => {
        /// All names, first those of which another element holds one at the most.
        pub(super) const NAMES: Names = Names::new(
            &[$($once_text,)* $($unread,)* $($list_text,)*],
            [$($once_text,)* $($unread,)*].len(),
        );
        $(pub(super) const $once: Name = NAMES.name($once_text);)*
        $(pub(super) const $list: Name = NAMES.name($list_text);)*
    };
}

names! {
    once {
        EVENT = "Event",
        CREATE_TIME = "CreateTime",
        APPROVAL_INFO = "ApprovalInfo",
        SP_NO_STR = "SpNoStr",
        SP_NO = "SpNo",
        SP_STATUS = "SpStatus",
        TEMPLATE_ID = "TemplateId",
        APPLY_TIME = "ApplyTime",
        PROCESS_LIST = "ProcessList",
        STATU_CHANGE_EVENT = "StatuChangeEvent",
        NODE_TYPE = "NodeType",
        APV_REL = "ApvRel",
        APPROVER_ATTR = "ApproverAttr",
        APPROVER = "Approver",
        USER_INFO = "UserInfo",
        USER_ID = "UserId",
        SPEECH = "Speech",
        SP_YJ = "SpYj",
        SP_TIME = "SpTime",
    }
    once, and not looked for {
        "SpName",
        "Applyer",
        "CommentUserInfo",
        "CommentTime",
        "CommentContent",
        "CommentId",
    }
    lists {
        SP_RECORD = "SpRecord",
        DETAILS = "Details",
        NODE_LIST = "NodeList",
        SUB_NODE_LIST = "SubNodeList",
        COMMENTS = "Comments",
        // The envelope's; the first one counts.
        ENCRYPT = "Encrypt",
    }
}
