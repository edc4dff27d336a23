"""The header words, English and Chinese, by which a column of an export is recognised."""

# Header words, lower case without spaces and signs, that suggest a field; the field's own name always does.
_WORDS = {
    "call_id": (
        "callid contactid ucid recordid 通话编号 通话id 话单号 来电编号 呼叫编号 流水号 录音编号 通话流水号 呼叫id "
        "来电流水号 呼叫流水号 录音流水号 话单编号 通话记录编号 通话标识 会话id"
    ),
    "started_at": (
        "starttime callstart calltime callstarttime datetime timestamp 来电时间 呼叫时间 开始时间 通话开始时间 "
        "呼入时间 来电日期时间 呼叫开始时间 来电开始时间 进线时间 接入时间"
    ),
    "answered": (
        "answeredyn isanswered callanswered 是否接通 接通 是否应答 应答 是否接听 是否接起 接听状态 接通状态 应答状态"
    ),
    "site": "location center centre 职场 地点 中心 站点 所属中心 分中心 职场名称",
    "team": "group teamname agentgroup 班组 团队 小组 组别 技能组班组 班组名称 所属班组 坐席组 座席组 团队名称",
    "agent": (
        "agentname agentid operator csr 坐席 座席 坐席工号 座席工号 工号 客服 客服工号 坐席姓名 坐席id 座席id "
        "坐席编号 座席编号 座席姓名 员工工号 客服编号 客服姓名 话务员 话务员工号"
    ),
    "queue": "skill queuename skillgroup 队列 技能组 技能队列 业务队列 队列名称 技能组名称 排队队列",
    "channel": "media channelname 渠道 媒体 调查渠道 评价渠道 渠道名称 接入渠道 来源渠道 受理渠道 评价方式 调查方式",
    "topic": (
        "subject reason calltype contactreason issuetype 主题 业务类型 来电原因 问题类型 话题 工单类型 业务类别 "
        "业务分类 来电类型 咨询类型 服务类型"
    ),
    "customer_id": (
        "customerid callerid caller ani phone 客户编号 客户id 主叫号码 客户号码 来电号码 客户号 用户编号 用户id "
        "用户号码 联系电话 客户电话"
    ),
    "wait_seconds": (
        "speedofanswerinseconds speedofanswer waittime queuetime waiting asa 等待时长 等待时间 排队时长 排队时间 "
        "应答时长 等待秒数 排队秒数 排队等待时长 排队等待时间 等候时长 等候时间"
    ),
    "talk_seconds": (
        "avgtalkduration talktime talkduration duration callduration 通话时长 通话时间 通话秒数 通话用时 交谈时长 "
        "人工通话时长"
    ),
    "hold_seconds": "holdtime holdduration 保持时长 保持时间 静音时长 保持秒数 静音秒数",
    "wrap_seconds": (
        "wraptime acw acwtime aftercallwork wrapup 话后时长 话后处理时长 事后处理时长 整理时长 话后秒数 话后处理时间 "
        "后处理时长 整理时间 整理秒数"
    ),
    "ivr_steps": "ivrsteps ivr步数 ivr层级",
    "transfers": "transfercount 转接次数 转接数 转移次数",
    "resolved": "isresolved resolvedyn fcr 是否解决 解决 是否一次解决 一次性解决 是否首次解决 问题是否解决 首次解决",
    "survey_id": "surveyid responseid 问卷编号 调查编号 满意度编号 评价编号 评价id 评价流水号 问卷id 问卷流水号 调查id",
    "answered_at": (
        "answeredat responsetime surveytime submittedat 评价时间 答复时间 调查时间 评价日期 提交时间 答卷时间 "
        "调查日期 回访时间"
    ),
    "scale": "量表 分制 评分制",
    "score": (
        "satisfactionrating csat surveyscore satisfaction 满意度 满意度评分 评分 得分 成绩 质检成绩 质检得分 "
        "录音成绩 qascore qualityscore 分值 分数 评价分值 评价分数 评价得分 评价结果 满意度分值 满意度分数 "
        "满意度得分 满意度评价 满意度结果 客户满意度 质检分数 质检评分"
    ),
    "comment": "comments feedback 备注 评语 意见 评价内容 评价意见 客户意见 反馈内容 意见反馈 留言",
    "day": "date 日期",
    "invited": "invitations sent 邀请数 发送量 推送量 邀请量 邀评数 邀评量 推送数 发送数",
    "complaint_id": "complaintid complaintno ticket 投诉编号 投诉单号 投诉id 投诉流水号 投诉工单号 投诉工单编号",
    "received_at": "receivedat complainttime complaintdate 投诉时间 受理时间 投诉日期 投诉受理时间 受理日期",
    "category": "complainttype 投诉类型 投诉类别 投诉分类 投诉原因",
    "severity": "priority 严重程度 投诉级别 投诉等级 优先级 紧急程度",
    "department": "责任部门 部门 责任单位 被投诉部门",
    "upheld": "justified 是否属实 是否有效 是否有责 是否成立 投诉是否成立",
    "resolved_at": "resolvedat solvedat 解决时间 办结时间 解决日期 办结日期 处理完成时间",
    "ticket_id": "ticketid ticket caseid casenumber incident number 工单编号 工单号 工单id 工单流水号 案件编号",
    "opened_at": (
        "openedat createdat created opentime 建单时间 创建时间 受理时间 建单日期 创建日期 工单创建时间 提单时间"
    ),
    "closed_at": (
        "closedat closed closetime 结单时间 关闭时间 结案时间 办结时间 结单日期 关闭日期 办结日期 完结时间 "
        "工单关闭时间 归档时间"
    ),
    "reactivated_at": "reactivatedat reopenedat 重启时间 激活时间 重开时间 重新激活时间 重新打开时间",
    "first_contact_at": "firstcontactat 首次来电时间",
    "promised_callback": "promisedcallback 是否承诺回复 承诺回复 是否承诺回电 承诺回电",
    "first_callback_at": "firstcallbackat 首次回复时间 首次回电时间",
    "progress_views": "progressviews 进度查询次数",
    "evaluation_id": "evaluationid 质检编号 评估编号 质检id 质检流水号 质检单号",
    "evaluated_at": "evaluatedat evaluationdate evaluationtime 质检时间 质检日期 评估时间 评估日期 评分时间",
    "full_marks": "fullmarks maxscore 满分 总分",
    "delight": "是否惊喜 惊喜 兴奋需求 兴奋点",
    "rating": "level 满意度等级 满意等级 评级 质检等级",
    "batch": "batchid 抽样批次 批次 批次号",
    "rater": "evaluator qa reviewer 质检员 评估人 质检人 质检人员 评分人",
    "form": "scorecard 质检表 评分表 质检表单 评分模板",
    "period": "month 月份 周期",
    "population": "总体 总量 话务量",
    "stratum": "层 分层",
    "selection": "抽样方式",
}
SYNONYMS: dict[str, tuple[str, ...]] = {field: tuple(words.split()) for field, words in _WORDS.items()}
# The unit that a header names in brackets, as a mapping names it; "" for those that the cells themselves show.
UNIT_WORDS = {
    **dict.fromkeys(("秒", "s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("分", "分钟", "m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("天", "日", "d", "day", "days"), "days"),
    **dict.fromkeys(("时分秒", "分秒", "hhmmss", "hmmss", "mmss", "mss"), ""),
}
# The words of a five-point scale, from 5 down to 1, in each language the usual one first.
SCORE_WORDS = (
    (("非常满意", "很满意"), ("满意", "比较满意"), ("一般",), ("不满意", "不太满意"), ("非常不满意", "很不满意")),
    (("very satisfied",), ("satisfied",), ("neutral",), ("dissatisfied",), ("very dissatisfied",)),
)
# A day and a time of day in two columns, which together tell when a record was made.
DATE_WORDS = ("date", "calldate", "日期", "通话日期", "来电日期")
TIME_WORDS = ("time", "calltime", "时间", "通话时间点", "来电时刻")
